"""`make siege`: one installation, a tenant who lives a normal day, and beside him an attacker who does everything at once.

The installation is real: web and worker as `make serve` starts them, both vendors emulated. The attacker plays the rows of
bench/siege/rows.py: what was found to stop everybody, each again and again. Measured is the other one: are his calls answered
and handed over in time, do his pages open, is anything lost? docs/siege.md tells how to read it.
"""
