"""python3 -m soak: see tools/soak."""

import argparse
import sys

from soak.run import Soak


def main():
    parser = argparse.ArgumentParser(prog="tools/soak", description="Everything at once on the real programs.")
    parser.add_argument("--minutes", type=float, default=60, help="for how long; 0.5 is half a minute (60)")
    parser.add_argument("--seed", type=int, default=1, help="the same number, the same actions (1)")
    parser.add_argument("--steps", type=int, help="so many steps at the most, to stop before one that went wrong")
    options = parser.parse_args()
    if not 0 < options.minutes < 1e6:
        parser.error("--minutes is a positive number")
    return Soak(options.seed, options.minutes, options.steps).run()


sys.exit(main())
