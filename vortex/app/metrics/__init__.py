"""`GET /metrics`: what there is to measure, and how it is read."""
