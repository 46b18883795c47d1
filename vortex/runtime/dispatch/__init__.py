"""Where and when actors run: real threads, or one thread in virtual time."""
