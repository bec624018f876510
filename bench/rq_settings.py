"""`rq worker -c bench.rq_settings`: everything a job needs is imported before the fork, or each would pay for it."""

from bench import one

__all__ = ["one"]
