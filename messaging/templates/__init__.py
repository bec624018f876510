"""WhatsApp templates of a line: lists, drafts and submission, changes and who is told; and what a person sends by hand."""
