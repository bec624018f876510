"""What a refusal means for the messages after it: does the line stop, does it slow down, does one client wait?

`refusals` says what a code means for its own message. Here stands, once, which codes speak of the whole line, and how one finds
out that the line works again. Source: reference section 8 (classes C and R) and its section 9, last paragraph.
"""

from dataclasses import dataclass
from enum import StrEnum

from gupshup.refusals import Kind, Refusal, Scope, codes_of, names_bad_settings, refusal

__all__ = ["NOT_THE_LINE", "Probe", "Stop", "slows_client", "slows_line", "stop_of", "why"]

_MINUTES = 60.0
#: Whoever can be asked is asked soon: a question costs nothing and writes to nobody.
_ASKED = (1, 2, 5, 10, 30, 60)
#: A trial is a client's message that may fail, and each one into a limit for spam makes that limit worse.
_TRIED = (5, 10, 30, 60, 120, 240)
_TRIED_SELDOM = (60, 120, 240, 480, 720)


class Probe(StrEnum):
    """How one finds out whether a stopped line works again."""

    ASK = "ask"  # a question that sends nothing: is the key accepted, are app and number known
    TRIAL = "trial"  # nothing can be asked (no self-serve balance or health): one message leaves, and its fate tells


@dataclass(frozen=True)
class Stop:
    """A refusal after which nothing more may leave by this line. pauses: minutes before each probe, the last one repeats."""

    refusal: Refusal
    probe: Probe
    pauses: tuple[int, ...]

    def pause_s(self, tries: int) -> float:
        """Seconds until the next probe, after so many that found the line still stopped."""
        return self.pauses[min(max(tries, 0), len(self.pauses) - 1)] * _MINUTES


_RULES: dict[str, tuple[Probe, tuple[int, ...]]] = {
    code: rule
    for codes, rule in (
        ("gupshup_401 gupshup_403 gupshup_3xx", (Probe.ASK, _ASKED)),
        ("1003 131042", (Probe.TRIAL, _TRIED)),  # money: the self-serve balance has no known address
        ("4001", (Probe.TRIAL, _TRIED)),  # "stop sending"
        ("471 131048", (Probe.TRIAL, _TRIED_SELDOM)),  # spam limit
        ("368 131031", (Probe.TRIAL, _TRIED_SELDOM)),  # blocked
        ("131045 133010 133016 131037", (Probe.TRIAL, _TRIED)),  # the number itself
        ("0 3 10 190 200-299 131005", (Probe.TRIAL, _TRIED)),  # Gupshup's rights at Meta
    )
    for code in codes_of(codes)
}
#: Of class C and about the account, and yet other messages of the line go on: 1001 comes of a recipient who has not joined the
#: sandbox, 1004 of a client outside the window; a wrong app id hides the templates' list and stops no message.
NOT_THE_LINE = frozenset({"1001", "1004", "gupshup_404", "gupshup_app_id"})
#: Throughput of the number or of the app; 4001 stops the line and makes it slower afterwards.
_TOO_FAST = frozenset({"4", "80007", "130429", "4001", "gupshup_429"})
_TOO_MANY_TO_ONE = frozenset({"131056"})


def stop_of(code: str, reason: str = "", misconfigured: bool = False) -> Stop | None:
    """Why the line stops, None if it goes on. misconfigured: the send itself was refused as a 401 or 403 of this line."""
    found = refusal(code, reason)
    if found.code == "gupshup_400" and names_bad_settings(reason):
        return Stop(found, Probe.ASK, _ASKED)
    rule = _RULES.get(found.code) or (_RULES["gupshup_3xx"] if found.code.startswith("gupshup_3") else None)
    if rule is not None:
        return Stop(found, *rule)
    # A 401 with a number of its own that no table has is still a 401.
    unlisted = found.kind is Kind.PERMANENT and found.scope is Scope.MESSAGE
    return Stop(found, Probe.ASK, _ASKED) if misconfigured and unlisted else None


def slows_line(code: str) -> bool:
    """Whether the whole line sends too fast."""
    return code in _TOO_FAST


def slows_client(code: str) -> bool:
    """Whether this one client got too much in too short a time."""
    return code in _TOO_MANY_TO_ONE


def why(found: Refusal) -> tuple[str, str]:
    """Cause and remedy in English and in Russian, without the word about the one message that was refused."""
    return _after_headline(found.en), _after_headline(found.ru)


def _after_headline(text: str) -> str:
    rest = text.partition(": ")[2] or text
    return rest[:1].upper() + rest[1:]
