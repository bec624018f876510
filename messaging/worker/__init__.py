"""The worker process: a loop that runs the stages, one transaction at a time, and what must be done now and then."""
