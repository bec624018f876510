"""What an administrator sets about consent and caps: checked, then kept with the portal."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import structlog

from messaging.policy.settings import Policy
from messaging.policy.words import LONGEST, normalised
from messaging.runtime import Runtime
from messaging.store.models import Portal

MOST_WORDS = 50
#: Field → the least and the most that may be set.
BOUNDS = {"cap_in_a_row": (0, 20), "cap_rest_h": (0, 168)}
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Rules:
    """The part of a portal's policy that is about consent and caps; the fields mean what they mean there."""

    stop_words: tuple[str, ...]
    start_words: tuple[str, ...]
    stops_utility: bool
    cap_in_a_row: int
    cap_rest_h: int

    def problems(self) -> dict[str, str]:
        """Field → what is wrong: `no_words`, `too_many_words`, `word_too_long`, `empty_word`, `in_both`, `out_of_range`."""
        found = {name: problem for name in ("stop_words", "start_words") if (problem := _problem(getattr(self, name)))}
        if "start_words" not in found and _plain(self.stop_words) & _plain(self.start_words):
            found["start_words"] = "in_both"
        for name, (least, most) in BOUNDS.items():
            if not least <= getattr(self, name) <= most:
                found[name] = "out_of_range"
        return found


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text, one in each line, each once."""
    return tuple(dict.fromkeys(word for line in text.splitlines() if (word := " ".join(line.split()))))


def save(runtime: Runtime, portal_id: int, rules: Rules, user_id: int) -> None:
    """Keep these rules, which have no problems; they hold from the next message on."""
    with runtime.db.write() as session:
        portal = session.get_one(Portal, portal_id, with_for_update=True)
        portal.policy = replace(Policy.of(portal), **vars(rules)).stored_in(portal)
    log.info("rules of consent changed", portal=portal_id, user=user_id)


def _problem(words: tuple[str, ...]) -> str:
    if not words:
        return "no_words"
    if len(words) > MOST_WORDS:
        return "too_many_words"
    if any(len(word) > LONGEST for word in words):
        return "word_too_long"
    return "" if all(map(normalised, words)) else "empty_word"


def _plain(words: Iterable[str]) -> set[str]:
    return set(map(normalised, words))
