"""How Bitrix24 writes things down: PHP's forms and JSON, property values, HTTP answers, and every text of the portal."""
