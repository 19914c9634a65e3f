"""The command `officer`: a page on the officer's own machine that shows documents, signs and sends them."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import webbrowser
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from wicketgate.base.errors import ConfigurationError, Unreachable, VerificationError
from wicketgate.base.files import write_secret
from wicketgate.base.settings import read_secret
from wicketgate.base.signing import ENVELOPE_TYPE
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import ask, read_file, read_register
from wicketgate.clients.officer.desk.desk import PaperDesk
from wicketgate.clients.officer.desk.door import PageDoor
from wicketgate.clients.officer.desk.keyring import Keyring
from wicketgate.clients.officer.desk.server import LoopbackServer
from wicketgate.clients.officer.keyfiles import keys_in
from wicketgate.clients.verify import read_key, verify_url
from wicketgate.clients.verify.kept import KeptCheckpoints, default_state
from wicketgate.ledger.notes import NoteVerifier


class _Verifying:
    """The checks of `verify`, at every look at the register."""

    def __init__(self, key: NoteVerifier | None, folder: Path | None) -> None:
        self._key, self._kept = key, None if folder is None else KeptCheckpoints(folder)
        self.rests_on = "the checks of `verify`"

    def register(self, url: str) -> Mapping[str, Any]:
        """Return the register that was checked; raise what is false of it, or that it cannot be reached."""
        shown: list[Mapping[str, Any]] = []
        report = verify_url(url, key=self._key, kept=self._kept, shown=shown.append)
        self.rests_on = report.trusted
        faults = [check.words for check in report.checked if not check.ok]
        if report.unreached:
            raise Unreachable(f"`{url}` cannot be verified: {'; '.join(faults)}")
        if faults or not shown:
            said = "; ".join(faults) or "nothing could be checked"
            raise VerificationError(
                f"what `{url}` shows is not what its log says, so nothing can be signed here: {said}"
            )
        return shown[0]


class _Remote:
    """The gateway of `--to`, asked over HTTP."""

    def __init__(self, url: str, token: str, verifying: _Verifying | None) -> None:
        self._url, self._token, self._verifying = url, token, verifying

    @property
    def url(self) -> str:
        return self._url

    @property
    def can_send(self) -> bool:
        return bool(self._token)

    @property
    def rests_on(self) -> str:
        return "" if self._verifying is None else self._verifying.rests_on

    def register(self) -> Mapping[str, Any]:
        return read_register(self._url) if self._verifying is None else self._verifying.register(self._url)

    def send(self, envelope: bytes) -> Mapping[str, Any]:
        headers = {"Content-Type": ENVELOPE_TYPE}
        return ask(self._url, "/v1/documents", self._token, 201, content=envelope, headers=headers)


def _verifying(args: argparse.Namespace) -> _Verifying | None:
    """Return the checks, where a key of the log or kept checkpoints are there to check with."""
    folder = args.state or default_state(os.environ)
    if (
        args.log_key is None
        and args.state is None
        and (folder is None or not any(folder.glob("*.checkpoint")))
    ):
        return None
    return _Verifying(read_key(args.log_key) if args.log_key else None, folder)


def _complain(words: str) -> None:
    say(f"wicketgate: {words}", file=sys.stderr)


def open_page(args: argparse.Namespace) -> int:
    """Serve the page until the officer ends it, or does not use it."""
    if args.token_file is not None and args.to is None:
        raise ConfigurationError("--token-file is for the gateway of --to")
    if args.to is None and (args.log_key is not None or args.state is not None):
        raise ConfigurationError("--log-key and --state are for the gateway of --to")
    keys = Keyring([args.key] if args.key is not None else keys_in(args.keys))
    gateway = None
    if args.to is not None:
        token = "" if args.token_file is None else read_secret(args.token_file)
        if not token.isascii() or not token.isprintable() or (args.token_file is not None and not token):
            raise ConfigurationError(f"`{args.token_file}` holds no token")
        gateway = _Remote(args.to, token, _verifying(args))
    with LoopbackServer(_complain) as server, tempfile.TemporaryDirectory(prefix="wicketgate-") as folder:
        door = PageDoor(port=server.port)
        desk = PaperDesk(door, gateway, keys, idle_s=args.idle, cameras=args.cameras)
        if args.document is not None:
            desk.open(args.document.name, read_file(args.document))
        server.answer = desk.answer
        address = f"{door.origin}{door.entrance}"
        say(f"The page is at {address}", flush=True)
        say("The address is good once, in a browser on this machine. Ctrl-C ends it.", flush=True)
        if not args.no_browser:
            # By a file that its owner alone can read: what a command is started with everybody here can see.
            way_in = Path(folder) / "officer.html"
            write_secret(way_in, f'<meta http-equiv="refresh" content="0;url={escape(address)}">\n')
            webbrowser.open(way_in.as_uri())
        server.run(desk.over)
    say("The page has ended.")
    return 0
