"""The operator's command `standby`: make a directory for a second sequencer."""

from __future__ import annotations

import argparse

from wicketgate.base.files import keep_private
from wicketgate.cli.saying import say
from wicketgate.gateway.deployment import Deployment
from wicketgate.gateway.standby.making import make_standby


def run_standby(arguments: argparse.Namespace) -> int:
    """Copy the first sequencer's directory, and say what to do with it."""
    keep_private()
    make_standby(Deployment(arguments.folder), arguments.second)
    say(f"Made `{arguments.second}`. It holds the log's key: move it to its machine, and leave no copy.")
    say(f"Start both: wicketgate serve {arguments.folder} --role sequencer")
    say(f"            wicketgate serve {arguments.second} --role sequencer")
    return 0
