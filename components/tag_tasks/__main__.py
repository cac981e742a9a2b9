"""Command line of the step: ``python -m components.tag_tasks --help``."""

from components.command import main

if __name__ == "__main__":
    main("tag_tasks")
