"""What Gupshup and WhatsApp accept, refuse and report, as pure functions over the state."""
