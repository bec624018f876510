"""Limits of our own: a line's and a client's pace, a portal's REST requests, threads that wait for vendors, pauses."""
