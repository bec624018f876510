"""What the emulator remembers, and the vendor's codes."""
