"""Sending: a queued message is claimed, handed to Gupshup, recorded."""
