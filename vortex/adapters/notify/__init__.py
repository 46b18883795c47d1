"""The ways to people: apprise, and the thread that keeps trading from waiting for it."""
