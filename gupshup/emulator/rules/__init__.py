"""What Gupshup does with what it gets: pure functions over the state."""
