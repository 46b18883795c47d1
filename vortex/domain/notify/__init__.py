"""What people are told of a run, in which words, and when."""
