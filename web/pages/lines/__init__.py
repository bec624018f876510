"""Lines: the portal's numbers at Gupshup, one by one and all together (ui.md 3.4).

table: all lines. line: one line with its checks, the last 24 hours and its robots. changes: what administrators change.
channel: where a line's clients write to. provider: how it sends what the portal hands over.
sample: a test message to one's own phone.
"""

from web.pages.lines import changes, channel, line, provider, sample, table

__all__ = ["changes", "channel", "line", "provider", "sample", "table"]
