"""What the runtime costs and holds, measured against pykka's own actors: `python -m tests.bench`."""
