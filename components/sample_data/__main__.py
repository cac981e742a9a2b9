"""Command line of the step: ``python -m components.sample_data --help``."""

from components.command import main

if __name__ == "__main__":
    main("sample_data")
