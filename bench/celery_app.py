"""What Celery's workers load: `celery -A bench.celery_app worker --pool threads`. BENCH_BROKER names the Redis."""

from __future__ import annotations

import os

from celery import Celery

from bench import one

app = Celery("bench", broker=os.environ["BENCH_BROKER"])
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False)
app.task(one.carry, name="bench.carry")
app.task(one.post, name="bench.post")
one.opened()  # once, before 128 threads ask for it
