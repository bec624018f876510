"""A plain text. A text that is a template macro is tested in test_macro.py."""

from tests.activities.desk import content, refusal, sent

EXAMPLE = {
    "text": "[template=ru]promo[/template][body]a[/body][header=image]DISK_1[/header][buttons=url]b[/buttons]",
}


def test_its_fields() -> None:
    assert content("send_text") == ["text text!"]


def test_a_text_is_sent_as_typed() -> None:
    text = "  Заказ *готов*\nhttps://example.org "
    assert sent("send_text", text=text) == {"message": {"type": "text", "text": text, "previewUrl": False}}


def test_a_text_up_to_its_limit() -> None:
    assert sent("send_text", text="x" * 4096)["message"]["text"] == "x" * 4096
    assert refusal("send_text", text="x" * 4097).code == "text_too_long"


def test_an_empty_text_is_refused() -> None:
    assert refusal("send_text", text=" ").code == "value_missing"
