"""The database: tables, column types, connections, migrations; encryption of what it holds."""
