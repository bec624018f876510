"""The doctor: what an expert would look at on the first live day, and in which order. docs/operators/doctor.md."""
