"""`python -m vortex`."""

from vortex.cli import main

if __name__ == "__main__":
    main()
