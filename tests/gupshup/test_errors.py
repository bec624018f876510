"""The one table of codes, and the errors that carry it."""

import pickle
import re

import pytest

from gupshup.errors import (
    GupshupError,
    InvalidMessage,
    Kind,
    Misconfigured,
    NotWritten,
    Rejected,
    Scope,
    Throttled,
    Unavailable,
    Unclear,
    refusal,
)
from gupshup.refusals import KNOWN_CODES

# Gupshup's and Meta's documents, code by code.
KINDS = {
    Kind.RETRY: "500 503 1 2 133004 4 80007 130429 131000 135000 131016 131056 131057 132069 gupshup_429 gupshup_unreachable",
    Kind.DELAYED: "4005 472 130472 131049 131064",
    Kind.PERMANENT: (
        "1002 1009 1010 1011 1012 1013 407 408 480 1021 492 1026 100 131008 131009 130497 131021 131026 131050 131051 "
        "131052 131053 131062 132005 132007 132008 132012 132018 137000 gupshup_400 gupshup_413 gupshup_418"
    ),
    Kind.CONFIG: (
        "1001 1003 1004 4001 4003 4004 471 2000 2008 2017 0 3 10 190 200 250 299 368 131031 131005 131030 131037 "
        "131042 131045 133010 133016 131048 131063 132000 132001 132015 132016 132068 139000 139001 139002 "
        "gupshup_401 gupshup_403 gupshup_404 gupshup_302 gupshup_app_id"
    ),
    Kind.WINDOW: "470 1005 1006 1007 1008 131047",
    Kind.UNCLEAR: "4002 gupshup_500 gupshup_502 gupshup_503 gupshup_504 gupshup_unclear",
}


@pytest.mark.parametrize(("code", "kind"), [(code, kind) for kind, codes in KINDS.items() for code in codes.split()])
def test_every_documented_code_has_its_class(code: str, kind: Kind) -> None:
    assert refusal(code).kind is kind


@pytest.mark.parametrize("code", sorted(KNOWN_CODES))
def test_every_text_says_what_happened_and_what_to_do_in_both_languages(code: str) -> None:
    found = refusal(code, "Some Reason")
    assert re.match(r"(Not delivered|Not sent|Not possible|Unknown): .+\. ?.+\.$", found.en)
    assert re.match(r"(Не доставлено|Не отправлено|Не получилось|Неизвестно): .+\. ?.+\.$", found.ru)
    assert re.search("[а-я]", found.ru)
    assert not re.search("[а-яё]", found.en, re.IGNORECASE)
    assert "{" not in found.en + found.ru
    assert len(found.en.split(". ")) >= 2
    assert len(found.ru) < 250


@pytest.mark.parametrize("code", [1, 2, 133004, 131016])
def test_what_passes_by_itself_sends_nobody_to_support(code: int) -> None:
    found = refusal(code, "An unknown error occurred")
    assert "Run it again in a few minutes" in found.en
    assert "Повторите через несколько минут" in found.ru
    assert not re.search("support|поддержк", found.en + found.ru)


def test_an_unknown_code_is_permanent_and_shows_the_providers_words() -> None:
    found = refusal(999_999, "Something new.")
    assert (found.code, found.kind, found.scope) == ("999999", Kind.PERMANENT, Scope.MESSAGE)
    assert "Something new, code 999999" in found.en
    assert "Something new, код 999999" in found.ru


@pytest.mark.parametrize("blank", [None, "", "  ", True, [], {}])
def test_a_blank_code_is_unknown(blank: object) -> None:
    found = refusal(blank)
    assert (found.code, found.kind) == ("unknown", Kind.PERMANENT)
    assert "no explanation" in found.en
    assert "без пояснения" in found.ru


@pytest.mark.parametrize("code", [131047, "131047", 131047.0, " 131047 "])
def test_a_code_may_come_as_number_or_text(code: object) -> None:
    assert refusal(code).code == "131047"
    assert refusal(code).kind is Kind.WINDOW


def test_zero_is_a_code() -> None:
    assert refusal(0).kind is Kind.CONFIG


def test_a_long_reason_is_cut_and_never_taken_for_a_placeholder() -> None:
    assert len(refusal("1009", "x" * 10_000).en) < 500
    assert "{code} {reason}" in refusal("999", "{code} {reason}").en
    assert len(refusal("9" * 500).code) == 64


@pytest.mark.parametrize(
    ("reason", "kind", "word"),
    [
        ("Invalid Destination", Kind.PERMANENT, "phone"),
        ("Invalid App Details", Kind.CONFIG, "app name"),
        ("Request Bot Not Found", Kind.CONFIG, "app name"),
        ("Source Contains XSS Characters", Kind.CONFIG, "app name"),
        ("Bad Request", Kind.PERMANENT, "Bad Request"),
    ],
)
def test_the_words_of_a_400_decide_whether_the_message_or_the_line_is_wrong(reason: str, kind: Kind, word: str) -> None:
    found = refusal("gupshup_400", reason)
    assert found.kind is kind
    assert word in found.en


@pytest.mark.parametrize(
    ("code", "scope"),
    [("4003", Scope.TEMPLATE), ("132000", Scope.TEMPLATE), ("132001", Scope.TEMPLATE), ("132012", Scope.TEMPLATE),
     ("132015", Scope.TEMPLATE), ("4005", Scope.TEMPLATE), ("1003", Scope.ACCOUNT), ("4001", Scope.ACCOUNT),
     ("131048", Scope.ACCOUNT), ("131042", Scope.ACCOUNT), ("gupshup_401", Scope.ACCOUNT), ("1002", Scope.MESSAGE),
     ("131049", Scope.MESSAGE), ("131030", Scope.MESSAGE)],
)  # fmt: skip
def test_the_scope_tells_what_else_would_be_refused(code: str, scope: Scope) -> None:
    assert refusal(code).scope is scope


def test_only_errors_after_which_nothing_was_accepted_are_retryable() -> None:
    retryable = {
        kind for kind in (Unavailable, NotWritten, Throttled, Unclear, Rejected, Misconfigured) if kind.retryable
    }
    assert retryable == {Unavailable, NotWritten, Throttled}
    assert issubclass(NotWritten, Unavailable)
    assert not issubclass(Unclear, Unavailable)


def test_an_error_can_be_shown_and_survives_pickling() -> None:
    error = Throttled("gupshup_429", "Too Many Requests", 7.0)
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, GupshupError)
    assert (again.code, again.reason, again.retry_after) == ("gupshup_429", "Too Many Requests", 7.0)
    assert str(again) == refusal("gupshup_429").en


def test_an_invalid_message_survives_pickling() -> None:
    again = pickle.loads(pickle.dumps(InvalidMessage("text_too_long", "text", "en", "ru", limit=1, actual=2)))
    assert (again.code, again.field, again.en, again.ru, again.limit, again.actual) == (
        "text_too_long", "text", "en", "ru", 1, 2,
    )  # fmt: skip
