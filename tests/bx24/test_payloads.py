from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bx24.forms import PayloadError, build_query, parse_form, parse_query
from bx24.payloads import Auth, Document, EventCall, FrameCall, RunCall, Triple, document, frame_form

Body = Callable[[str], bytes]
MEMBER = "0c3f5d8a9b1e47d2a6c4e8f01b2d3a4c"
SECRETS = ("aa11aa11", "bb22bb22", "cc33cc33", "ZkX0Q2")


def run(body: Body, name: str) -> RunCall:
    return RunCall.parse(parse_form(body(name)))


def test_a_robot_on_a_deal(body: Body) -> None:
    call = run(body, "run__deal.form")
    assert call.code == "robot.send_template"
    assert call.workflow_id == "66a0f1c2d3e4f5.12345678"
    assert call.event_token.startswith("66a0f1c2d3e4f5.12345678|A11_22_33_44|")
    assert call.document_id == ("crm", "CCrmDocumentDeal", "DEAL_345")
    assert call.document == Document("deal", 2, 345)
    assert call.properties["params"] == ["Анна & Ко", "#345"]
    assert (call.use_subscription, call.waits, call.timeout_duration, call.ts) == ("Y", True, 3600, 1790000000)
    assert call.auth == Auth(
        member_id=MEMBER,
        access_token="aa11aa11aa11aa11aa11",
        refresh_token="bb22bb22bb22bb22bb22",
        application_token="cc33cc33cc33cc33cc33",
        expires=1790003600,
        expires_in=3600,
        user_id=1,
        client_endpoint="https://acme.bitrix24.com/rest/",
        server_endpoint="https://oauth.bitrix.info/rest/",
        domain="acme.bitrix24.com",
        scope="crm,bizproc",
        status="L",
    )


def test_blank_fields_stay_blank_for_the_schema_to_drop(body: Body) -> None:
    call = run(body, "run__blank_fields.form")
    assert call.properties["phone"] == ""
    assert call.properties["text"] == "Здравствуйте!\nЗаказ готов"


def test_a_run_without_any_property(body: Body) -> None:
    assert run(body, "run__no_properties.form").properties == {}


def test_an_absent_use_subscription_is_answered_all_the_same(body: Body) -> None:
    call = run(body, "run__without_subscription_field.form")
    assert (call.use_subscription, call.waits, call.timeout_duration) == ("", True, 0)
    assert call.document == Document("list", None, 77)


def test_a_run_that_does_not_wait_says_so(body: Body) -> None:
    form = parse_form(body("run__deal.form").replace(b"use_subscription=Y", b"use_subscription=N"))
    assert not RunCall.parse(form).waits


def test_a_run_nobody_is_behind_brings_no_tokens(body: Body) -> None:
    call = run(body, "run__without_tokens.form")
    assert (call.auth.access_token, call.auth.refresh_token, call.auth.user_id) == ("", "", None)
    assert call.auth.application_token == "cc33cc33cc33cc33cc33"
    assert call.document == Document("dynamic", 183, 12)


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ("event_token", "event_token"),
        ("code", "code"),
        ("document_id[2]", "document_id[2]"),
        ("document_type[0]", "document_type[0]"),
        ("auth[member_id]", "auth[member_id]"),
    ],
)
def test_what_is_not_a_run_is_refused_by_its_field(body: Body, field: str, named: str) -> None:
    key = field.replace("[", "%5B").replace("]", "%5D").encode()
    sent = body("run__deal.form").replace(key + b"=", b"x=")
    with pytest.raises(PayloadError) as refused:
        RunCall.parse(parse_form(sent))
    assert refused.value.field == named


@pytest.mark.parametrize("member", ["../etc", "a b", "ф" * 8, "x" * 65])
def test_a_member_id_is_an_id(body: Body, member: str) -> None:
    form = parse_form(body("run__deal.form"))
    form["auth"]["member_id"] = member
    with pytest.raises(PayloadError, match="not the id of a portal"):
        RunCall.parse(form)


def test_too_long_a_token_is_refused(body: Body) -> None:
    form = parse_form(body("run__deal.form"))
    form["event_token"] = "x" * 2000
    with pytest.raises(PayloadError, match="longer than"):
        RunCall.parse(form)


@pytest.mark.parametrize(
    ("name", "event", "data", "has_tokens"),
    [
        ("event__onappinstall.form", "ONAPPINSTALL", {"VERSION": "1", "INSTALLED": "Y"}, True),
        ("event__onappupdate.form", "ONAPPUPDATE", {"VERSION": "2", "PREVIOUS_VERSION": "1"}, True),
        ("event__onappuninstall.form", "ONAPPUNINSTALL", {"CLEAN": "1"}, False),
        ("event__onapppayment.form", "ONAPPPAYMENT", {"STATUS": "P", "DAYS": "30"}, False),
    ],
)
def test_an_event(body: Body, name: str, event: str, data: dict[str, str], has_tokens: bool) -> None:
    call = EventCall.parse(parse_form(body(name)))
    assert call.event == event
    assert data.items() <= call.data.items()
    assert call.auth.member_id == MEMBER
    assert bool(call.auth.refresh_token) is has_tokens
    assert call.ts == 1790000000


def test_an_event_name_is_compared_in_upper_case() -> None:
    form = {"event": "OnAppInstall", "data": "7", "auth": {"member_id": MEMBER}}
    call = EventCall.parse(form)
    assert (call.event, call.data) == ("ONAPPINSTALL", {})


def opened(form: bytes, query: bytes = b"") -> FrameCall:
    fields, options = frame_form(form)
    return FrameCall.parse(fields, parse_query(query), options)


def frame(body: Body, name: str) -> FrameCall:
    return opened(body(f"{name}.form"), body(f"{name}.query"))


def posted(options: str) -> FrameCall:
    form = {"member_id": MEMBER, "DOMAIN": "a.example", "PLACEMENT_OPTIONS": options, "PLACEMENT": "DEFAULT"}
    return opened(build_query(form).encode())


def test_the_install_frame(body: Body) -> None:
    call = frame(body, "frame__install")
    assert (call.domain, call.protocol, call.lang, call.placement) == ("acme.bitrix24.com", "https", "ru", "DEFAULT")
    assert call.app_sid == "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
    assert call.options == {"any": "1/", "URI": "/marketplace/app/12/"}
    assert call.member_id == MEMBER
    assert (call.auth.access_token, call.auth.expires_in) == ("aa11aa11aa11aa11aa11", 3600)
    assert call.auth.server_endpoint == "https://oauth.bitrix24.tech/rest/"
    assert call.auth.application_token == "cc33cc33cc33cc33cc33"


def test_a_frame_of_an_older_self_hosted_portal(body: Body) -> None:
    call = frame(body, "frame__old_host")
    assert (call.domain, call.protocol) == ("box.acme.example:8080", "http")
    assert (call.auth.server_endpoint, call.auth.application_token, call.options) == ("", "", {})


def test_the_settings_frame_of_a_robot(body: Body) -> None:
    call = frame(body, "frame__settings")
    assert call.placement == "BIZPROC_ACTIVITY_PROPERTIES_DIALOG"
    assert call.options["code"] == "robot.send_template"
    assert call.options["current_values"]["params"] == ["{=Document:TITLE}"]
    assert call.options["properties"]["template"]["NAME"]["RU"] == "Шаблон"


@pytest.mark.parametrize("options", ["[]", "", "{", "null", "7", "[" * 20_000, '{"a":' * 5000])
def test_options_that_are_no_map_are_an_empty_one(options: str) -> None:
    assert posted(options).options == {}


@pytest.mark.parametrize("options", ["[" + "[]," * 60_000 + "1]", '"' + "x" * 2 * 1024 * 1024 + '"'], ids=len)
def test_options_are_bounded_and_not_decoded_before_they_are_asked_for(options: str) -> None:
    call = posted(options)
    with pytest.raises(PayloadError, match="PLACEMENT_OPTIONS has more than"):
        _ = call.options


EXPIRES = [("1e17", None), ("9" * 17, 86_400), ("9" * 400, None), ("-5", 0), ("NaN", None), ("", None), ("3600", 3600)]


@pytest.mark.parametrize(("sent", "seconds"), EXPIRES, ids=[sent[:9] for sent, _ in EXPIRES])
def test_a_lifetime_no_token_has_is_clamped(sent: str, seconds: int | None) -> None:
    frame = FrameCall.parse({"member_id": MEMBER, "DOMAIN": "a.example", "AUTH_EXPIRES": sent})
    assert frame.auth.expires_in == seconds
    assert Auth.parse({"member_id": MEMBER, "expires_in": sent}).expires_in == seconds


ORDERS = [
    b"PLACEMENT_OPTIONS=%7B%7D&member_id=a1&DOMAIN=a.example",
    b"member_id=a1&PLACEMENT_OPTIONS=%7B%7D&DOMAIN=a.example",
]


@pytest.mark.parametrize("sent", [*ORDERS, b"member_id=a1&DOMAIN=a.example&PLACEMENT_OPTIONS=%7B%7D"])
def test_options_are_taken_out_wherever_they_stand(sent: bytes) -> None:
    call = opened(sent)
    assert (call.member_id, call.domain, call.options_json) == ("a1", "a.example", b"%7B%7D")


def test_beside_its_options_a_frame_is_short() -> None:
    with pytest.raises(PayloadError, match="more than 65536 bytes beside PLACEMENT_OPTIONS"):
        opened(b"member_id=a1&DOMAIN=a.example&a=" + b"%41" * 30_000)


def test_half_an_emoji_in_the_options_can_be_written_again() -> None:
    assert posted('{"a":"\\ud83d","n":NaN}').options == {"a": "?", "n": None}


@pytest.mark.parametrize("domain", ["", "evil.example/path", "a b", "https://a.example", "a.example;script", "-"])
def test_a_frame_names_a_host(domain: str) -> None:
    with pytest.raises(PayloadError, match="DOMAIN"):
        FrameCall.parse({"member_id": MEMBER}, {"DOMAIN": domain})


def test_a_frame_without_a_portal_is_refused() -> None:
    with pytest.raises(PayloadError, match="MEMBER_ID is missing"):
        FrameCall.parse({"AUTH_ID": "x"}, {"DOMAIN": "a.example"})


@pytest.mark.parametrize("name", ["run__deal.form", "event__onappinstall.form"])
def test_no_secret_text_or_phone_is_in_a_repr(body: Body, name: str) -> None:
    form = parse_form(body(name))
    shown = repr(RunCall.parse(form) if name.startswith("run") else EventCall.parse(form))
    assert not [secret for secret in (*SECRETS, "15550001122", "Анна") if secret in shown]


def test_no_secret_is_in_the_repr_of_a_frame(body: Body) -> None:
    assert not [secret for secret in SECRETS if secret in repr(frame(body, "frame__install"))]


DYNAMIC = "Bitrix\\Crm\\Integration\\BizProc\\Document\\Dynamic"
DOCUMENTS: list[tuple[Triple, Triple, Document]] = [
    (("crm", "CCrmDocumentLead", "LEAD"), ("crm", "CCrmDocumentLead", "LEAD_12"), Document("lead", 1, 12)),
    (("crm", "CCrmDocumentContact", "CONTACT"), ("crm", "x", "CONTACT_12"), Document("contact", 3, 12)),
    (("crm", "CCrmDocumentCompany", "COMPANY"), ("crm", "x", "COMPANY_12"), Document("company", 4, 12)),
    (("crm", "…Quote", "QUOTE"), ("crm", "x", "QUOTE_12"), Document("quote", 7, 12)),
    (("crm", "…SmartInvoice", "SMART_INVOICE"), ("crm", "x", "SMART_INVOICE_9"), Document("smart_invoice", 31, 9)),
    (("crm", DYNAMIC, "DYNAMIC_183"), ("crm", DYNAMIC, "DYNAMIC_183_12"), Document("dynamic", 183, 12)),
    (("lists", "BizprocDocument", "iblock_21"), ("lists", "BizprocDocument", "77"), Document("list", None, 77)),
    (("disk", "Bitrix\\Disk\\BizProcDocument", "STORAGE_3"), ("disk", "x", "8"), Document("disk", None, 8)),
    (("crm", "x", "ORDER"), ("crm", "x", "ORDER_x"), Document("other", None, None)),
    (("rpa", "x", "LEAD"), ("rpa", "x", "1"), Document("other", None, 1)),
]


@pytest.mark.parametrize(("kind", "item", "meant"), DOCUMENTS)
def test_documents(kind: Triple, item: Triple, meant: Document) -> None:
    assert document(kind, item) == meant


FIELDS = st.sampled_from(
    ["event", "event_token", "code", "document_id", "document_type", "properties", "auth", "ts", "DOMAIN", "member_id"]
)
VALUES = st.recursive(st.text(max_size=6), lambda v: st.dictionaries(st.sampled_from(["0", "1", "2", "x"]), v))


@given(st.dictionaries(FIELDS, VALUES))
def test_no_form_raises_anything_but_payload_error(form: dict[str, Any]) -> None:
    for parse in (RunCall.parse, EventCall.parse, FrameCall.parse):
        with suppress(PayloadError):
            parse(form)


def test_words_are_cut_where_they_are_read() -> None:
    auth = Auth.parse({"member_id": "abc", "access_token": "x" * 40_000, "domain": "x" * 40_000})
    assert (len(auth.access_token), len(auth.domain)) == (2048, 2048)
