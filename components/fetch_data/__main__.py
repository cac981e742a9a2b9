"""Command line of the step: ``python -m components.fetch_data --help``."""

from components.command import main

if __name__ == "__main__":
    main("fetch_data")
