"""Command line of the steps: ``python -m components STEP --help``."""

import argparse

from components.command import main
from components.params import CLUSTER_STEPS, STEPS

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m components", description="Runs one step of the line.")
    parser.add_argument("step", choices=(*CLUSTER_STEPS, *STEPS), metavar="STEP", help="%(choices)s")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="ports and settings of the step; --help lists them")
    arguments = parser.parse_args()
    main(arguments.step, arguments.options)
