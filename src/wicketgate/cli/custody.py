"""The command `custody`: the history that a recipient keeps of a bulk feed."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading

from wicketgate.base.clock import SystemClock
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import keep_private
from wicketgate.base.settings import read_secret
from wicketgate.cli.saying import say
from wicketgate.clients.custody.program import Custody, CustodyPlace
from wicketgate.clients.custody.versions import bulk_feeds
from wicketgate.clients.officer.desk.server import LoopbackServer
from wicketgate.clients.verify import read_key
from wicketgate.clients.verify.kept import KeptCheckpoints, default_state, read_seen, signed_notes
from wicketgate.clients.verify.keys import shown_key
from wicketgate.clients.verify.remote import Remote


def run_custody(args: argparse.Namespace) -> int:
    """Keep a bulk feed in custody, until it is ended.

    It ends with 1 if anything that came was not what was committed.
    """
    keep_private()
    token = read_secret(args.token_file)
    with Remote(args.url, token=token, attempts=1) as remote:
        verifier = read_key(args.key) if args.key else shown_key(remote)
        if not args.key:
            _say(
                f"NOTE: the log's key is taken from {args.url} itself: {verifier.vkey}. Compare it with the key that "
                "was published another way, and give that with --key."
            )
        place = CustodyPlace(folder=args.folder, feed=args.feed or _only_feed(remote), after=args.after)
        folder = args.state or default_state(os.environ)
        custody = Custody(
            place,
            remote,
            verifier,
            SystemClock(),
            seen=signed_notes(read_seen(args.seen), verifier),
            kept=None if folder is None else KeptCheckpoints(folder),
            say=_say,
        )
        with LoopbackServer(lambda words: _say(f"wicketgate: {words}"), args.port) as server:
            server.answer = custody.desk.answer
            threading.Thread(target=server.run, args=(lambda: False,), name="people", daemon=True).start()
            _say(f"custody of `{place.feed}` in {place.folder}, asked at http://127.0.0.1:{server.port}")
            asyncio.run(_until_ended(custody))
    return 0


async def _until_ended(custody: Custody) -> None:
    running = asyncio.ensure_future(custody.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        _say("ended; what is kept goes on where it stands")


def _only_feed(remote: Remote) -> str:
    found = bulk_feeds(remote)
    if len(found) != 1:
        known = ", ".join(f"`{name}`" for name in found) or "none"
        raise ConfigurationError(f"name one feed of mode bulk with --feed; this unit has {known}")
    return found[0]


def _say(words: str) -> None:
    say(words, file=sys.stderr, flush=True)
