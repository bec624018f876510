"""REST methods of the emulated portal."""
