"""What customers' systems are told (webhooks out): which addresses, which events, in which form, signed how."""
