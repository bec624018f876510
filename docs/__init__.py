"""The documentation, the tables in it that come from the code (`docs.tables`), and how the site is built (`docs.site`)."""
