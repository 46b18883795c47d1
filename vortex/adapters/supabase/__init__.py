"""The ledger in a Supabase project that is reached over HTTPS with a key."""
