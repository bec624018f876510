"""Stop and start words: the whole message, whatever its case and punctuation, and nothing but the word."""

import pytest

from messaging.policy.settings import Policy
from messaging.policy.words import Word, find, normalised


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  СТОП!!! ", "стоп"),
        ("Ещё раз…", "еще раз"),
        ("«Отписаться» 🙏🏽", "отписаться"),
        ("opt-out", "opt out"),
        ("ＳＴＯＰ", "stop"),
        ("и\u0306", "й"),
        ("!?", ""),
    ],
)
def test_what_is_compared(text: str, plain: str) -> None:
    assert normalised(text) == plain


@pytest.mark.parametrize(
    ("said", "is_stop"),
    [
        *((word, True) for word in ("stop", "стоп", "Unsubscribe.", "ОТПИСАТЬСЯ", "отписка")),
        *((word, False) for word in ("start", "Старт!", "подписаться")),
        *((text, None) for text in ("да", "yes", "отмена", "cancel", "end", "нет", "", "!", "стоп, машина не приедет")),
        ("stop" + " " * 60, None),
    ],
)
def test_the_words_that_hold_until_others_are_set(said: str, is_stop: bool | None) -> None:
    assert find(Policy(), [said]) == (None if is_stop is None else Word(is_stop, said.strip()))


def test_ids_and_titles_of_buttons_count_and_a_stop_comes_first() -> None:
    policy = Policy(stop_words=("no_ads", "!"), start_words=("Да, пишите",))
    assert find(policy, ["Не надо", "no_ads"]) == Word(True, "no_ads")
    assert find(policy, ["да пишите", "no_ads"]) == Word(True, "no_ads")
    assert find(policy, ["ДА ПИШИТЕ", "3"]) == Word(False, "ДА ПИШИТЕ")
    assert find(policy, ["!", "стоп"]) is None
