"""SQLite in the data directory: journal and outbox in one file, the ledger in another."""
