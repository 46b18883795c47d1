"""Market sources: what the simulated exchange shows, played from recordings and, where none exists, generated."""
