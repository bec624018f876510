"""How Bitrix24 writes things: PHP's forms and JSON, expressions, values, addresses, and the portal's texts."""
