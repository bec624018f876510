"""A portal's numbers at Gupshup: adding and removing them, which of them sends, and when a line stops."""
