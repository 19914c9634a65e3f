"""The operator's commands `backup` and `restore`."""

from __future__ import annotations

import argparse
import os

import uvloop

from wicketgate.base.clock import rfc3339
from wicketgate.base.files import keep_private
from wicketgate.base.settings import read_secret
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import read_file
from wicketgate.gateway.backup.cutting import take_backup
from wicketgate.gateway.backup.restoring import StoredBackup, restore
from wicketgate.gateway.backup.stores import open_store


def run_backup(arguments: argparse.Namespace) -> int:
    """Take a backup of a running deployment, and say what it came to."""
    keep_private()
    os.nice(10)  # whoever posts goes first
    to = open_store(arguments.to, arguments.to_access, make=True)
    keys = open_store(arguments.keys, arguments.keys_access, make=True)
    taken = take_backup(arguments.folder, to, keys, f"{arguments.to} {arguments.keys}")
    rate = taken.written_bytes / 1e6 / max(taken.seconds, 0.001)
    say(f"Backed up `{arguments.folder}` as it was at {rfc3339(taken.taken_us)}.")
    say(
        f"Written: {_size(taken.written_bytes)}, {rate:.0f} MB/s. Stood there already: {_size(taken.kept_bytes)}."
    )
    say(f"Ended: {taken.ended} objects.")
    for name in taken.left_out:
        say(f"Not copied, as no part of a deployment: `{name}`")
    return 0


def run_restore(arguments: argparse.Namespace) -> int:
    """Restore a backup, and say what to do with it."""
    keep_private()
    source = StoredBackup(
        open_store(arguments.source, arguments.from_access, make=False),
        open_store(arguments.keys, arguments.keys_access, make=False),
        read_secret(arguments.identity),
    )
    done = uvloop.run(restore(source, arguments.folder, read_file(arguments.seen)))
    rate = done.bytes / 1e6 / max(done.seconds, 0.001)
    say(
        f"Restored `{arguments.folder}` as it was at {rfc3339(done.taken_us)}: {_size(done.bytes)}, {rate:.0f} MB/s."
    )
    for words in done.elsewhere:
        say(f"Not in the backup: {words}")
    say("Put back what wicketgate.toml names beside it: tokens, passwords and certificates are in no backup.")
    say(f"Start it: wicketgate serve {arguments.folder}")
    return 0


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
