"""WhatsApp templates of a line."""
