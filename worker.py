"""`python worker.py`: a supervised pool of RQ workers. No job is defined here (messaging.worker.jobs).

WORKER_PROCESSES processes with WORKER_THREADS messages in flight each; any number of these pools may run, on any number of
machines. SIGTERM finishes what is in flight and ends with 0; a second signal ends at once.
"""

import sys

from messaging.lean import leave_out, one_arena

one_arena()
leave_out("chardet", "charset_normalizer", "greenlet", "rich")

from messaging.worker import pool  # noqa: E402

if __name__ == "__main__":
    sys.exit(pool.work(int(sys.argv[2])) if sys.argv[1:2] == ["child"] else pool.supervise())
