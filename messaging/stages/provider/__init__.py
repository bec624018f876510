"""Messages that the portal hands over as a message provider ("SMS" of CRM)."""
