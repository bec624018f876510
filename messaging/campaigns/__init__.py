"""Campaigns: one template to many clients. Imports nothing: the process that reads spreadsheets starts from here."""
