"""Pure values, maths and decisions: no clock, thread, socket, log, environment or randomness."""
