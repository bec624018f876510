"""What an emulated portal remembers: plain records and small stores. Nothing here knows of requests."""
