"""How the API names rows: by the ids that callbacks use (messaging.callbacks.ids)."""

from messaging.callbacks.ids import LENGTH, Kind, decode, encode

__all__ = ["LENGTH", "Kind", "decode", "encode"]
