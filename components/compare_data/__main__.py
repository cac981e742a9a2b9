"""Command line of the step: ``python -m components.compare_data --help``."""

from components.command import main

if __name__ == "__main__":
    main("compare_data")
