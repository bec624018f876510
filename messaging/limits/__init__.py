"""How fast and how many: a line's pace, a portal's REST requests, a page's questions to vendors."""
