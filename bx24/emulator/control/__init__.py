"""The control API under `/emulator/`: how tests, the demo and benchmarks command a portal. JSON in, JSON out."""
