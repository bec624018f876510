"""Whether a message may go to a client now: what a portal's administrator has set, consent, caps, quiet hours, limits."""
