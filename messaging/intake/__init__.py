"""What comes in from outside and is stored before it is answered: robot calls and webhooks."""
