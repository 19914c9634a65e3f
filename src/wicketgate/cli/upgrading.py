"""The operator's command `upgrade`: bring an older deployment to the form of this version."""

from __future__ import annotations

import argparse
from functools import partial

import uvloop

from wicketgate.base.files import keep_private
from wicketgate.base.settings import load_settings
from wicketgate.gateway.upgrading import plan_upgrade, upgrade


def run_upgrade(arguments: argparse.Namespace) -> int:
    """Say what will be done, and do it."""
    keep_private()
    settings = load_settings(arguments.folder)
    plan = plan_upgrade(settings)
    say = partial(print, flush=True)
    if plan is None:
        say(f"`{arguments.folder}` is of this version's form already: nothing to do.")
        return 0
    for line in plan.lines():
        say(line)
    if arguments.dry_run:
        say("Nothing was touched.")
        return 0
    uvloop.run(upgrade(settings, say))
    say(f"Upgraded. Start it: wicketgate serve {arguments.folder}")
    return 0
