"""`python worker.py`: a pool of RQ workers. The job they run is `messaging.worker.jobs.drain`.

WORKER_PROCESSES processes with WORKER_THREADS messages in flight each; any number of these pools may run, on any number of
machines. SIGTERM finishes what is in flight and ends with 0; a second signal ends at once.
"""

import sys

from messaging.worker import pool

if __name__ == "__main__":
    # The pool starts its processes by this same file: `worker.py child <pid of the pool>`.
    sys.exit(pool.work(int(sys.argv[2])) if sys.argv[1:2] == ["child"] else pool.supervise())
