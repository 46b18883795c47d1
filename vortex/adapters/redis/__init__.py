"""The hot store as a mirror in Redis: written behind, never waited for, whole again after any loss."""
