"""Bitrix24 accounts: install and recognition, tokens, CRM items, the robots each should have."""
