"""A mirror: the whole log of a gateway, kept elsewhere as static files, every tile of it verified.

A witness says that a log only grew. A mirror has what stands in it, and shows that when the gateway does not.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from wicketgate.base.errors import InputError, LedgerError, Unreachable, VerificationError, WicketgateError
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.clients.verify.remote import Remote
from wicketgate.ledger.copy import LogCopy
from wicketgate.ledger.notes import Checkpoint, NoteVerifier, open_checkpoint, unverified_checkpoint
from wicketgate.ledger.tiles import CHECKPOINT, Fetch, folder_fetch

KEY: Final = "key"
COSIGNED: Final = "witnessed"
POLICY: Final = "policy"
REFUSED: Final = "refused-checkpoint"
_EVERY_S: Final = 10.0
_MOST_TEXT: Final = 256 * 1024
_FAR_BEHIND: Final = 300
"""Entries behind which a cosigned checkpoint is not waited for: some five minutes."""


class Mirror:
    """One gateway's log in a folder, which any web server can show as it is.

    `D/checkpoint` and `D/tile/…` are the log (C2SP tlog-tiles), `D/witnessed` its newest cosigned checkpoint,
    `D/policy` the gateway's policy of witnesses, and `D/key` the log's key. Whoever reads it verifies it:
    `wicketgate verify D`.

    Parameters
    ----------
    verifier : NoteVerifier
        The log's key, got another way than from the gateway.

    Raises
    ------
    LedgerError
        If the folder is another log's, or damaged.
    """

    def __init__(self, url: str, folder: Path, verifier: NoteVerifier) -> None:
        self._url = url
        self._folder = folder
        self._verifier = verifier
        folder.mkdir(parents=True, exist_ok=True)
        self._copy = LogCopy.open(folder, verifier)
        self._write(KEY, f"{verifier.vkey}\n".encode())

    @property
    def size(self) -> int:
        """How many entries it has."""
        return self._copy.size

    def close(self) -> None:
        """Let another process keep it."""
        self._copy.close()

    def take(self) -> int:
        """Take what the log has more, and return how many entries that is.

        A crash leaves what there was, and perhaps tiles that are met again.

        Raises
        ------
        Unreachable
            If the gateway cannot be reached: what is here stays.
        LedgerError
            If its log does not go on from this copy, or its tiles do not lead to what its key signed. Nothing is taken;
            the checkpoint that it signed is kept beside the copy, as `refused-checkpoint`.
        """
        before = self._copy.size
        with Remote(self._url) as remote:
            fetch = remote.log()
            newest = fetch(CHECKPOINT)
            note = newest
            try:
                self._demand_goes_on(newest, fetch)
                note = self._wanted(newest, remote.witnessed())
                # The same checkpoint throughout: the log grows meanwhile.
                self._copy.take_from(lambda path: note if path == CHECKPOINT else fetch(path))
            except Unreachable:
                raise
            except (LedgerError, VerificationError, InputError) as error:
                self._write(REFUSED, newest)
                raise LedgerError(
                    f"{error.detail}: what its key signed is in `{self._folder / REFUSED}`, and the copy is as it was",
                    code="log-differs",
                ) from error
            self._take_texts(remote)
        return self._copy.size - before

    def _wanted(self, newest: bytes, cosigned: bytes | None) -> bytes:
        """Return the checkpoint to be taken: the newest cosigned one, unless nobody has cosigned for long."""
        if cosigned is None:
            return newest
        behind = unverified_checkpoint(newest).size - unverified_checkpoint(cosigned).size
        return newest if behind > _FAR_BEHIND else cosigned

    def _demand_goes_on(self, note: bytes, fetch: Fetch) -> None:
        """Refuse a log that is not the one that is here, whatever it shows as cosigned."""
        head = open_checkpoint(note, [self._verifier])
        if head.size > self._copy.size:
            here = Checkpoint(origin=self._copy.origin, size=self._copy.size, root=self._copy.root)
            TrustedLog(fetch, self._verifier, here, self._copy.checkpoint).accept(note)
        # It may be a moment old, as of another reader of the gateway: then it is a beginning of what is here.
        elif head.root != self._copy.root_at(head.size):
            raise LedgerError(f"the log forks: another tree of {head.size} entries was signed before")

    def _take_texts(self, remote: Remote) -> None:
        """Take the policy and the newest cosigned checkpoint, where the copy covers that."""
        note = remote.witnessed()
        if note is not None:
            head = open_checkpoint(note, [self._verifier])
            if head.size <= self._copy.size and head.root == self._copy.root_at(head.size):
                self._write(COSIGNED, note)
        answer = remote.get(f"/log/{POLICY}", most=_MOST_TEXT)
        if answer.status == 200:
            self._write(POLICY, answer.body)

    def _write(self, name: str, data: bytes) -> None:
        aside = self._folder / f".{name}.new"
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), "wb") as file:
            file.write(data)
        aside.replace(self._folder / name)


def answer_of(folder: Path, path: str) -> tuple[int, bytes]:
    """Return the status and body with which a mirror shows a path: `/log/…`, as the gateway does."""
    name = path.removeprefix("/log/")
    try:
        if name in (KEY, COSIGNED, POLICY):
            return 200, (folder / name).read_bytes()
        if name != path:
            return 200, folder_fetch(folder)(name)
    except FileNotFoundError:
        pass
    return 404, b"a mirror shows nothing there\n"


def keep_mirror(
    mirror: Mirror,
    say: Callable[[str], None],
    ended: threading.Event,
    *,
    once: bool,
    every_s: float = _EVERY_S,
) -> None:
    """Take what a log has more, again and again until it is ended.

    Raises
    ------
    WicketgateError
        What `Mirror.take` raises; where it goes on, a gateway out of reach is told and waited for.
    """
    while True:
        try:
            more = mirror.take()
            if more or once:
                say(f"{mirror.size} entries, {more} of them new")
        except Unreachable as error:
            if once:
                raise
            say(error.detail)
        except WicketgateError:
            raise
        if once or ended.wait(every_s):
            return
