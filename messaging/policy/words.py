"""The words with which a client stops and allows messages: a whole message, or the id or title of a button.

“Stop, the car is not coming” stops nothing: only a message that says nothing else does.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from messaging.policy.settings import Policy

#: Characters; a longer message cannot be a stop or start word, and is not compared.
LONGEST = 60


@dataclass(frozen=True)
class Word:
    """What a message asks for. said: the message as the client wrote it."""

    is_stop: bool
    said: str


def normalised(text: str) -> str:
    """The words of a text alone, as they are compared: no case, punctuation or emoji; ё is е."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    kept = (character if unicodedata.category(character)[0] in "LMN" else " " for character in plain)
    return " ".join("".join(kept).split())


def find(policy: Policy, said: Iterable[str]) -> Word | None:
    """The word that these texts of one message are; None if they are none. A stop counts before a start."""
    texts = [(text, normalised(text)) for text in said if text and len(text) <= LONGEST]
    for is_stop, words in ((True, policy.stop_words), (False, policy.start_words)):
        known = {normalised(word) for word in words} - {""}
        found = next((text for text, plain in texts if plain in known), None)
        if found is not None:
            return Word(is_stop, found.strip())
    return None
