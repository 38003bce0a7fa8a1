"""The console script `wr2l`: the whole command line, in the same library."""

import sys

from . import _native


def main() -> int:
    """Runs the command line with this process's arguments."""
    return _native.command(["wr2l", *sys.argv[1:]])
