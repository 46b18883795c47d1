"""`vortex record`: the present market, written into files that the simulator plays."""
