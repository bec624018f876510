"""`python -m bench.simulation`: a thousand portals with uneven load on a simulated clock. Does anybody wait for others?

Calls are spread over the portals by Zipf's law, with bursts of 500 at once; lines of pace 1, 10 and 80; some portals are slow
or dead, one line is answered 429 by a provider stricter than its pace. What is real and what is not: bench/simulated.py. For
each message `waited` (call stored → claimed) is held against what its own line explains (bench/fairness.py).

Exit code 1 if anybody waited a second longer than that, or a message was lost or sent twice.
"""
