"""Planning: a stored run becomes a message, values or a refusal."""
