"""The engines against whole-window computations that know nothing of them, on recorded markets."""
