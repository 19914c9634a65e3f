"""The command `witness`: a process that cosigns logs."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from wicketgate.base.clock import SystemClock
from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.base.files import keep_private
from wicketgate.cli.saying import say
from wicketgate.clients.officer.desk.server import LoopbackServer
from wicketgate.clients.verify import read_key
from wicketgate.clients.witness.desk import WitnessDesk
from wicketgate.clients.witness.judging import MOST_BYTES
from wicketgate.clients.witness.place import WitnessPlace
from wicketgate.ledger.notes import NoteVerifier, parse_vkey


def run_witness(args: argparse.Namespace) -> int:
    """Cosign until it is ended. Kill it anywhere."""
    keep_private()
    place = WitnessPlace(args.folder, args.name)
    try:
        place.add(_log_key(one) for one in args.log)
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        with LoopbackServer(lambda words: _say(f"wicketgate: {words}"), args.port, MOST_BYTES) as server:
            server.answer = WitnessDesk(place, SystemClock(), _say).answer
            for one in place.cosigners:
                say(one.vkey)
            sys.stdout.flush()
            _say(f"witness `{place.name}` of {len(place.logs())} logs at http://127.0.0.1:{server.port}")
            server.run(ended.is_set)
    finally:
        place.close()
    return 0


def _log_key(said: str) -> NoteVerifier:
    """Return a log's key, which is given itself or in a file."""
    if Path(said).exists():
        return read_key(Path(said))
    try:
        return parse_vkey(said)
    except InputError as error:
        raise ConfigurationError(f"`--log` is neither a file nor a key: {error.detail}") from error


def _say(words: str) -> None:
    say(words, file=sys.stderr, flush=True)
