"""`python -m wr2l` is the command line."""

import sys

from ._command import main

sys.exit(main())
