"""What the portal hands over to us as its message provider (an "SMS" of CRM) becomes a message of ours, or is refused."""
