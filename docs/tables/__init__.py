"""Tables of the documentation that come from the code: fields, results, errors, settings, metrics.

A page holds the marks `<!-- table: NAME -->` and `<!-- end of table -->`; `python -m docs.tables` (`make tables`) writes what
stands between them. The tables are committed, for most people read the pages on a code host; tests/docs/test_tables.py fails
when one is stale.
"""
