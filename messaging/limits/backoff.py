"""How long to wait before something that failed is tried again: twice as long each time, up to a limit."""

#: From here on every limit in use is reached long ago; a number that cannot overflow is kept small.
_DOUBLINGS = 32


def backoff_s(tries: int, most: float, first: float = 1.0) -> float:
    """Seconds until the next try, after so many that failed: `first`, twice that, four times that … but at most `most`."""
    return min(most, first * 2.0 ** min(max(tries - 1, 0), _DOUBLINGS))
