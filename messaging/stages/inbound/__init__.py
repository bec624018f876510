"""Inbound: a stored webhook is applied to message, run and conversation."""
