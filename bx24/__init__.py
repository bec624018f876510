"""Bitrix24's vocabulary: what it posts to us, what we call, how robots are described. Knows nobody else here."""
