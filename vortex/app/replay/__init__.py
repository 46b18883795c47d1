"""A run written down as the order in which its actors handled their inputs, and run again from that alone."""
