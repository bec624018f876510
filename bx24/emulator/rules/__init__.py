"""What Bitrix24 does: run workflows, evaluate fields, install the app, open its pages."""
