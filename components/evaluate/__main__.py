"""Command line of the step: ``python -m components.evaluate --help``."""

from components.command import main

if __name__ == "__main__":
    main("evaluate")
