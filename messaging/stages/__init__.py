"""What is done with runs, messages and webhooks: one stage for each kind of work, called by `messaging.worker`."""
