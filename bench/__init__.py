"""`make bench`: what this machine does with the product, beside what it does with the usual way of doing it.

Development only: nothing here is shipped. Every figure comes from real processes on loopback; docs/performance.md tells
how to read them.
"""
