"""Uploads that are being read, kept open while their campaigns rest: a workbook cannot be read from its middle.

So the shard of a campaign is free for a moment every two seconds, and may go to another process, which reads the file anew.
What is kept open is a process that waits (messaging.campaigns.spreadsheets), so there are few.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from messaging.campaigns.audience import Parts
from messaging.campaigns.sources import Sources

#: Files that are kept open at the same time; a campaign that finds no place reads on without a rest.
MOST = 2
#: A file that is not read for this time is closed: its campaign was changed, or went to another process.
KEPT = timedelta(minutes=1)


@dataclass(frozen=True)
class Opened:
    """A source, and its parts from where it was left. reads: the campaign's number then; at: when."""

    source: Sources
    parts: Parts
    reads: int
    at: datetime


class OpenFiles:
    """The open files of one process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._opened: dict[int, Opened] = {}

    def put(self, campaign_id: int, opened: Opened) -> bool:
        """Keep a file open; False if there is no place for it."""
        with self._lock:
            has_place = len(self._opened) < MOST
            if has_place:
                self._opened[campaign_id] = opened
            return has_place

    def take(self, campaign_id: int, reads: int) -> Opened | None:
        """The campaign's file, if it was left at this number of the campaign."""
        with self._lock:
            found = self._opened.pop(campaign_id, None)
        if found is not None and found.reads != reads:
            found.parts.close()
            return None
        return found

    def close_left(self, now: datetime) -> None:
        """Close the files that were not read for KEPT."""
        with self._lock:
            left = [key for key, opened in self._opened.items() if now - opened.at > KEPT]
            closed = [self._opened.pop(key) for key in left]
        for opened in closed:
            opened.parts.close()
