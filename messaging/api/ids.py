"""How the API names rows. What customers' systems are told uses the same ids, so they stand there."""

from messaging.callbacks.ids import LENGTH, Kind, decode, encode

__all__ = ["LENGTH", "Kind", "decode", "encode"]
