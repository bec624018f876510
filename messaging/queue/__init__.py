"""How work is handed over: rows committed in groups, leases on shards, wake-ups over Redis."""
