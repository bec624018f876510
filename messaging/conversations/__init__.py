"""A client on a line: finding the conversation, matching replies to runs, the 24-hour window."""
