"""`python -m wicketgate`: the command, however it was installed."""

import sys

from wicketgate.cli import main

sys.exit(main())
