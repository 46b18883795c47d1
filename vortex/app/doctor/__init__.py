"""`vortex doctor`: looks at everything a start needs, a line each, and changes nothing; a module for each family."""
