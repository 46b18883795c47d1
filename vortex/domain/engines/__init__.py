"""The engines: each turns market values into Signals and knows nothing of the others."""
