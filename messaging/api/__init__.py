"""The REST API without HTTP: tokens, calls that are not done twice, ids, and what its messages become."""
