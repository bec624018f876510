"""CRM items as the audience of a campaign: which items, what their fields are called, and their clients, a page at a time."""
