"""A scheme as it was published: its versions and waivers out of the log, kept in the folder's file.

The register says where each stands; that it stands there, the log does.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import ConfigurationError, InputError, NotEntitled, VerificationError
from wicketgate.base.signing import canonical, parse_canonical, parse_json
from wicketgate.clients.charging.store import change, said
from wicketgate.clients.charging.terms import ChargingTerms
from wicketgate.clients.recipient.receive import ListedFeeds
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.clients.verify.register import MAX_REGISTER_BYTES
from wicketgate.clients.verify.remote import Remote
from wicketgate.ledger.notes import NoteVerifier
from wicketgate.regime.documents.document import open_document
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.waiver import Waiver

_KINDS: Final = ("schemes", "waivers")


class PublishedScheme:
    """The documents of one scheme, looked up at a gateway.

    Parameters
    ----------
    connection : sqlite3.Connection
        The folder's file, where they are kept.
    name : str
        The scheme's.
    """

    def __init__(
        self, connection: sqlite3.Connection, remote: Remote, verifier: NoteVerifier, name: str
    ) -> None:
        self._connection = connection
        self._remote = remote
        self._verifier = verifier
        self._name = name
        self._log: TrustedLog | None = None

    def look(self) -> bool:
        """Look up what was published since, and keep it; return whether there was anything.

        Raises
        ------
        VerificationError
            If the log has something else where the register says that a document stands.
        LedgerError
            If the log cannot be checked.
        Unreachable
            If the gateway does not answer.
        """
        known = {entry for (entry,) in self._connection.execute("SELECT entry FROM documents")}
        told = self._told()
        new = [entry for entry in sorted(told) if entry not in known]
        if not new:
            return False
        log = self._log
        if log is None:
            log = self._log = TrustedLog.open(self._remote.log(), self._verifier)
        if new[-1] >= log.checkpoint.size:
            log.advance()
        rows = []
        for entry in new:
            body = parse_canonical(log.entry(entry))
            envelope = canonical(body["envelope"]) if body.get("kind") == "document" else b""
            value = open_document(envelope).value if envelope else None
            if not _is_of(value, told[entry], self._name):
                raise VerificationError(
                    f"entry {entry} of the log is not of `{self._name}`, as the register says"
                )
            rows.append((entry, told[entry], parse_rfc3339(str(body["at"])), envelope.decode()))
        with change(self._connection) as connection:
            connection.executemany("INSERT INTO documents VALUES (?, ?, ?, ?)", rows)
        return True

    def _told(self) -> dict[int, str]:
        answer = self._remote.need("/register.json", most=MAX_REGISTER_BYTES)
        try:
            shown = parse_json(answer)
            return {
                int(one["entry"]): kind
                for kind in _KINDS
                for one in shown.get(kind, [])
                if one["name" if kind == "schemes" else "scheme"] == self._name
            }
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError("the register cannot be read") from error


def kept_terms(connection: sqlite3.Connection) -> ChargingTerms:
    """Return the terms that are kept of a folder's scheme.

    Raises
    ------
    ConfigurationError
        If none are: the scheme was never looked up.
    """
    versions, waivers = [], []
    for (body,) in connection.execute("SELECT body FROM documents ORDER BY entry"):
        value = open_document(body.encode()).value
        if isinstance(value, Scheme):
            versions.append(value)
        elif isinstance(value, Waiver):
            waivers.append(value)
    if not versions:
        raise ConfigurationError("this folder knows no scheme: make it with `wicketgate charging init`")
    return ChargingTerms(versions=tuple(versions), waivers=tuple(waivers))


def charged_feeds(remote: Remote) -> dict[str, str]:
    """Return the schemes by which a unit's token may charge, each with its feed, as the register has them.

    NotEntitled if the token is no unit's.
    """
    answer = remote.get("/v1/feeds", most=MAX_REGISTER_BYTES)
    if answer.status in (401, 403):
        raise NotEntitled(
            f"this token reads no feeds: {answer.code or answer.status}", code=answer.code or "not-entitled"
        )
    try:
        mine = {one.authority for one in msgspec.json.decode(answer.body, type=ListedFeeds).feeds}
        shown = parse_json(remote.need("/register.json", most=MAX_REGISTER_BYTES)).get("schemes", [])
        feeds = {str(one["name"]): str(one["document"]["scheme"]["authority"]) for one in shown}
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InputError("the feeds or the register cannot be read") from error
    return {name: feed for name, feed in sorted(feeds.items()) if feed in mine}


def undivided_groups(remote: Remote, feed: str, terms: ChargingTerms) -> frozenset[str]:
    """Return the groups of a feed's cameras, where it does not matter which camera is of which: all are of one zone.

    Nothing is returned where it matters, or the authority names no groups.
    """
    shown: list[dict[str, Any]] = parse_json(remote.need("/register.json", most=MAX_REGISTER_BYTES))[
        "authorities"
    ]
    groups = frozenset(
        group for one in shown if one["name"] == feed for group in one["document"]["scope"].get("groups", [])
    )
    for scheme in terms.versions:
        zone = scheme.zones[0]
        if len(scheme.zones) > 1 or not groups <= zone.boundary | zone.inside:
            return frozenset()
    return groups


def kept_groups(
    connection: sqlite3.Connection,
) -> tuple[dict[tuple[str, str], frozenset[str]], frozenset[str]]:
    """Return the groups of each camera that is known, by source and id, and those of all others."""
    groups = {
        (source, camera): frozenset(msgspec.json.decode(named))
        for source, camera, named in connection.execute("SELECT source, camera, groups FROM cameras")
    }
    return groups, frozenset(said(connection, "default_groups") or ())


def parse_cameras(data: bytes, source: str) -> list[tuple[str, str, str]]:
    """Return the cameras of a source's list as the file's table has them.

    Parameters
    ----------
    data : bytes
        The list that the source registers, or what it is shown of it: objects with `id` and `groups`.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        value = msgspec.json.decode(data)
        listed = value["cameras"] if isinstance(value, dict) else value
        found = {}
        for one in listed:
            id_, groups = one["id"], one.get("groups", [])
            if not isinstance(id_, str) or not all(isinstance(group, str) for group in groups):
                raise TypeError
            found[id_] = groups
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise InputError("this is no list of cameras with `id` and `groups`") from error
    return [
        (source, id_, msgspec.json.encode(sorted(groups)).decode()) for id_, groups in sorted(found.items())
    ]


def _is_of(value: object, kind: str, name: str) -> bool:
    if kind == "schemes":
        return isinstance(value, Scheme) and value.name == name
    return isinstance(value, Waiver) and value.scheme == name
