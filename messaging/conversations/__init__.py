"""What is known of one client on one line: the conversation itself, its replies, its 24-hour window."""
