"""What Bitrix24 does with its state: workflows, document fields, installing the app."""
