"""The versions of an authority in custody, out of the log: how long each lets rows be kept, and what may be asked.

The register says where each stands; that it is that version, the log does.
"""

from __future__ import annotations

import threading
from typing import Any

import msgspec

from wicketgate.base.errors import InputError, NotEntitled, VerificationError
from wicketgate.base.signing import canonical, parse_canonical, parse_json
from wicketgate.clients.recipient.receive import ListedFeeds
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.clients.verify.register import MAX_REGISTER_BYTES
from wicketgate.clients.verify.remote import Remote
from wicketgate.ledger.notes import NoteVerifier
from wicketgate.regime.charter import AS_BULK
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.document import open_document


def bulk_feeds(remote: Remote) -> list[str]:
    """Return the feeds of mode bulk that a unit's token may read, as the register has them.

    NotEntitled if the token is no unit's.
    """
    answer = remote.get("/v1/feeds", most=MAX_REGISTER_BYTES)
    if answer.status in (401, 403):
        raise NotEntitled(
            f"this token reads no feeds: {answer.code or answer.status}", code=answer.code or "not-entitled"
        )
    try:
        mine = {one.authority for one in msgspec.json.decode(answer.body, type=ListedFeeds).feeds}
        shown = parse_json(remote.need("/register.json", most=MAX_REGISTER_BYTES))["authorities"]
        return sorted({one["name"] for one in shown if one["mode"] == "bulk" and one["name"] in mine})
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise InputError("the feeds or the register cannot be read") from error


class FeedVersions:
    """The versions of one authority. It may be asked from any thread.

    Parameters
    ----------
    remote : Remote
        The gateway.
    verifier : NoteVerifier
        The log's key.
    """

    def __init__(self, remote: Remote, feed: str, verifier: NoteVerifier) -> None:
        self._remote = remote
        self._feed = feed
        self._verifier = verifier
        self._log: TrustedLog | None = None
        self._found: dict[int, Authority] = {}
        self._lock = threading.Lock()

    def get(self, version: int) -> Authority:
        """Return a version of the authority.

        Raises
        ------
        VerificationError
            If the log has none where the register says that it stands, or the register tells of none.
        Unreachable
            If the gateway does not answer.
        """
        with self._lock:
            if version not in self._found:
                self._look()
            if version not in self._found:
                raise VerificationError(f"the register tells of no `{self._feed}@{version}`")
            return self._found[version]

    def newest(self) -> Authority:
        """Return the last version, asked for once more.

        Raises
        ------
        NotEntitled
            If it is of neither mode bulk nor unlisted: of hits there is no custody.
        """
        with self._lock:
            self._look()
            if not self._found:
                raise VerificationError(f"the register tells of no authority `{self._feed}`")
            found = self._found[max(self._found)]
        if found.mode not in AS_BULK:
            raise NotEntitled(
                f"`{self._feed}` is of mode {found.mode}: custody keeps what bulk or unlisted released"
            )
        return found

    def known(self) -> dict[int, Authority]:
        """Return the versions that were looked up."""
        with self._lock:
            return dict(self._found)

    def _look(self) -> None:
        log = self._log
        if log is None:
            log = self._log = TrustedLog.open(self._remote.log(), self._verifier)
        told = self._told()
        if max(told.values(), default=0) >= log.checkpoint.size:
            log.advance()
        for version, entry in told.items():
            if version in self._found:
                continue
            body = parse_canonical(log.entry(entry))
            value = (
                open_document(canonical(body["envelope"])).value if body.get("kind") == "document" else None
            )
            if not isinstance(value, Authority) or (value.name, value.version) != (self._feed, version):
                raise VerificationError(
                    f"`{self._feed}@{version}` is not in entry {entry} of the log, where the register says it is"
                )
            self._found[version] = value

    def _told(self) -> dict[int, int]:
        answer = self._remote.need("/register.json", most=MAX_REGISTER_BYTES)
        try:
            shown: list[Any] = parse_json(answer)["authorities"]
            return {
                int(one["version"]): int(one["entry"])
                for one in shown
                if one["name"] == self._feed and one["entry"] is not None
            }
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError("the register cannot be read") from error
