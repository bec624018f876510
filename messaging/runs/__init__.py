"""What becomes of a run and its message: outcomes and statuses."""
