"""What the emulator remembers, and the vendor facts everything else needs."""
