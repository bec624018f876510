"""Files on their way between robots, clients and WhatsApp: found, fetched, checked by content, kept, served."""
