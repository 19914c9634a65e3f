"""A recipient's tools, and anyone's: `receive` and `verify`.

docs/recipient.md shows them in use.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wicketgate.base.clock import SystemClock
from wicketgate.base.errors import ConfigurationError, WicketgateError
from wicketgate.base.settings import read_secret
from wicketgate.cli.endings import FAILED, GOOD, INTERRUPTED, UNREACHED, exit_code
from wicketgate.cli.evidence import check_evidence
from wicketgate.cli.saying import say
from wicketgate.clients.recipient.errata import ErrataFile, ErrataKeeper
from wicketgate.clients.recipient.images import ImageFetcher, ImageFolder
from wicketgate.clients.recipient.receive import ReceivedTally, Receiver
from wicketgate.clients.recipient.sinks import open_sink
from wicketgate.clients.verify import Report, read_key, verify_folder, verify_url
from wicketgate.clients.verify.kept import KeptCheckpoints, default_state, read_seen, signed_notes
from wicketgate.clients.verify.keys import shown_key
from wicketgate.clients.verify.openings import read_identity
from wicketgate.clients.verify.remote import Remote
from wicketgate.clients.verify.run import Opened

# --- verify -----------------------------------------------------------------------------------------------


def run_verify(args: argparse.Namespace) -> int:
    """Verify, and print the checks done and not done.

    It ends with 0 only if everything agrees.
    """
    progress = _progress("entries") if sys.stderr.isatty() else None
    file_progress = _progress("bytes of the feed file") if sys.stderr.isatty() else None
    try:
        if args.evidence is not None:
            return _tell(check_evidence(args.evidence, args.key), as_json=args.json)
        beside: dict[str, Any] = {
            "key": read_key(args.key) if args.key else None,
            "feed_file": args.feed_file,
            "openings": _openings(args),
            "seen": read_seen(args.seen),
            "kept": _kept(args),
            "whole": args.whole,
            "progress": progress,
            "file_progress": file_progress,
        }
        if args.target.startswith(("http://", "https://")):
            report = verify_url(args.target, **beside)
        else:
            report = verify_folder(Path(args.target), **beside)
    except WicketgateError as error:
        if not args.json:
            raise
        check = {"name": "start", "ok": False, "words": error.detail, "faults": [error.detail]}
        print(json.dumps({"ok": False, "checked": [check], "not_checked": ["anything"], "counts": {}}))
        return exit_code(error)
    if progress is not None:
        print(file=sys.stderr)
    return _tell(report, as_json=args.json)


def _tell(report: Report, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(report.to_json(), indent=2))
    else:
        for line in report.lines():
            say(line)
    if report.ok:
        return GOOD
    return UNREACHED if report.unreached else FAILED


def _openings(args: argparse.Namespace) -> Opened | None:
    if (args.openings is None) != (args.identity is None):
        raise ConfigurationError("--openings and --identity belong together")
    return (
        None if args.openings is None else Opened(paths=(args.openings,), opener=read_identity(args.identity))
    )


def _kept(args: argparse.Namespace) -> KeptCheckpoints | None:
    folder = args.state or default_state(os.environ)
    return None if folder is None else KeptCheckpoints(folder)


def _progress(what: str) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        print(f"\r{done} of {total} {what}", end="", file=sys.stderr, flush=True)

    return show


# --- receive ----------------------------------------------------------------------------------------------


def run_receive(args: argparse.Namespace) -> int:
    """Receive a feed.

    It ends with 1 if anything that came was not what was committed, or the feed was stopped.
    """

    def tell(words: str) -> None:
        say(words, file=sys.stderr, flush=True)

    token = read_secret(args.token_file)
    sink = open_sink(args.out, args.format, args.feed, sys.stdout.buffer)
    try:
        if args.after is not None and (args.after < 0 or sink.last is not None):
            raise ConfigurationError(
                "--after is for a new file, and not below 0: what is there goes on by itself"
            )
        with Remote(args.url, token=token, attempts=1) as remote:
            verifier = read_key(args.key) if args.key else shown_key(remote)
            if not args.key:
                tell(
                    f"NOTE: the log's key is taken from {args.url} itself: {verifier.vkey}. Compare it with "
                    "the key that was published another way, and give that with --key."
                )
            images = None
            if args.images is not None:
                images = ImageFetcher(remote, args.feed, ImageFolder(args.images, args.feed))
            errata = None
            if args.out is not None:
                beside = args.out.with_name(args.out.name + ".errata")
                errata = ErrataKeeper(remote, args.feed, ErrataFile(beside, args.feed), tell)
            receiver = Receiver(
                remote,
                args.feed,
                verifier,
                sink,
                after=args.after or 0,
                patience_s=None if args.follow else 60.0,
                seen=signed_notes(read_seen(args.seen), verifier),
                kept=_kept(args),
                clock=SystemClock(),
                images=images,
                errata=errata,
                say=tell,
            )
            try:
                receiver.run(follow=args.follow)
            except KeyboardInterrupt:
                tell(f"stopped; {receiver.due} proofs were not checked yet")
                return INTERRUPTED
            finally:
                sink.close()
                tell(_summary(args.feed, receiver.tally))
                if images is not None:
                    tell(images.words())
                if errata is not None:
                    errata.close()
    finally:
        sink.close()
    return 0


def _summary(feed: str, tally: ReceivedTally) -> str:
    if tally.first is None:
        batches = "no new batch"
    else:
        batches = f"{tally.batches} batches ({tally.first} to {tally.last}) with {tally.rows} rows"
    late = f", {tally.late} of them late" if tally.late else ""
    late += f", {tally.gone} past their term" if tally.gone else ""
    again = f"; the gateway was out of reach {tally.reconnected} times" if tally.reconnected else ""
    return f"`{feed}`: {batches}; {tally.proved} proofs checked{late}{again}"
