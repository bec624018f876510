"""What people look at: the search of messages, a message's timeline, checks of a line, figures by hour and by day."""
