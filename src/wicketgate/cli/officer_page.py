"""The command `officer`: a page on the officer's own machine that shows documents, signs and sends them."""

from __future__ import annotations

import argparse
import sys
import tempfile
import webbrowser
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import write_secret
from wicketgate.base.settings import read_secret
from wicketgate.base.signing import ENVELOPE_TYPE
from wicketgate.cli.terminal import ask, read_file, read_register
from wicketgate.clients.officer.desk.desk import Desk
from wicketgate.clients.officer.desk.door import PageDoor
from wicketgate.clients.officer.desk.server import LoopbackServer


class _Remote:
    """The gateway of `--to`, asked over HTTP."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token

    @property
    def url(self) -> str:
        return self._url

    @property
    def can_send(self) -> bool:
        return bool(self._token)

    def register(self) -> Mapping[str, Any]:
        return read_register(self._url)

    def send(self, envelope: bytes) -> Mapping[str, Any]:
        headers = {"Content-Type": ENVELOPE_TYPE}
        return ask(self._url, "/v1/documents", self._token, 201, content=envelope, headers=headers)


def _complain(words: str) -> None:
    print(f"wicketgate: {words}", file=sys.stderr)


def open_page(args: argparse.Namespace) -> int:
    """Serve the page until the officer ends it, or does not use it."""
    if args.token_file is not None and args.to is None:
        raise ConfigurationError("--token-file is for the gateway of --to")
    gateway = None
    if args.to is not None:
        token = "" if args.token_file is None else read_secret(args.token_file)
        if not token.isascii() or not token.isprintable() or (args.token_file is not None and not token):
            raise ConfigurationError(f"`{args.token_file}` holds no token")
        gateway = _Remote(args.to, token)
    with LoopbackServer(_complain) as server, tempfile.TemporaryDirectory(prefix="wicketgate-") as folder:
        door = PageDoor(port=server.port)
        desk = Desk(door, gateway, args.key, idle_s=args.idle, cameras=args.cameras)
        if args.document is not None:
            desk.open(args.document.name, read_file(args.document))
        server.answer = desk.answer
        address = f"{door.origin}{door.entrance}"
        print(f"The page is at {address}", flush=True)
        print("The address is good once, in a browser on this machine. Ctrl-C ends it.", flush=True)
        if not args.no_browser:
            # By a file that its owner alone can read: what a command is started with everybody here can see.
            way_in = Path(folder) / "officer.html"
            write_secret(way_in, f'<meta http-equiv="refresh" content="0;url={escape(address)}">\n')
            webbrowser.open(way_in.as_uri())
        server.run(desk.over)
    print("The page has ended.")
    return 0
