"""The command `mirror`: keep the whole log of a gateway elsewhere, and show it."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from wicketgate.base.errors import WicketgateError
from wicketgate.cli.endings import GOOD, exit_code
from wicketgate.cli.saying import say
from wicketgate.clients.mirror import Mirror, answer_of, keep_mirror
from wicketgate.clients.officer.desk.door import Request
from wicketgate.clients.officer.desk.server import LoopbackServer, PageAnswer
from wicketgate.clients.verify import read_key
from wicketgate.clients.verify.keys import shown_key
from wicketgate.clients.verify.remote import Remote

_MOST_BODY = 1024


def run_mirror(args: argparse.Namespace) -> int:
    """Keep a mirror until it is ended, or take once what there is. Kill it anywhere."""
    if args.key is not None:
        verifier = read_key(args.key)
    else:
        with Remote(args.url) as remote:
            verifier = shown_key(remote)
        _say(
            f"the key {verifier.vkey} is the one that the gateway shows: give one got another way with --key"
        )
    mirror = Mirror(args.url, args.folder, verifier)
    try:
        if args.once:
            keep_mirror(mirror, _say, threading.Event(), once=True)
            return GOOD
        return _serve(args, mirror)
    finally:
        mirror.close()


def _serve(args: argparse.Namespace, mirror: Mirror) -> int:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    faults: list[WicketgateError] = []

    def keep() -> None:
        try:
            keep_mirror(mirror, _say, ended, once=False)
        except WicketgateError as error:
            faults.append(error)
            ended.set()

    def answer(request: Request) -> PageAnswer:
        status, body = answer_of(args.folder, request.path) if request.method == "GET" else (405, b"")
        return PageAnswer(status=status, body=body, media_type="application/octet-stream")

    keeping = threading.Thread(target=keep, name="mirror")
    with LoopbackServer(lambda words: _say(f"wicketgate: {words}"), args.port, _MOST_BODY) as server:
        server.answer = answer
        _say(f"mirror of {args.url} at http://127.0.0.1:{server.port}/log/checkpoint")
        keeping.start()
        server.run(ended.is_set)
    ended.set()
    keeping.join()
    if faults:
        _say(f"wicketgate: {faults[0].detail}")
        return exit_code(faults[0])
    return GOOD


def _say(words: str) -> None:
    say(words, file=sys.stderr, flush=True)
