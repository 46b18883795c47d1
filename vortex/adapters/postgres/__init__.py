"""The ledger in a PostgreSQL that is reached by its own protocol: rows, migrations, and what is missing there."""
