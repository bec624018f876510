"""Gupshup's vocabulary: messages out, webhooks in, templates, errors. Knows no Bitrix24, no database and no queue."""
