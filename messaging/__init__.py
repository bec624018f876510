"""What we remember and its rules; the only package that opens the database, Redis and both vendors."""
