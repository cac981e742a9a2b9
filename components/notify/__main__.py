"""Command line of the step: ``python -m components.notify --help``."""

from components.command import main

if __name__ == "__main__":
    main("notify")
