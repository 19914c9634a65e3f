"""The members of an evidence pack: their names, their forms, and the manifest over them. Pure.

Each is canonical JSON (RFC 8785), so that it can be written in one way only. docs/spec/evidence.md, section 2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.base.shapes import Count, Hash
from wicketgate.base.signing import canonical, parse_canonical
from wicketgate.ledger.facts import FactAnswer

FORM: Final = 1
"""The form of a pack of a hit, and of an answer of a gateway."""
LATEST: Final = 2
"""The latest form: an answer out of a custody, and facts that rows of an answer were found to be wrong."""
MANIFEST, SUMS, KEY, CHECKPOINT = "manifest.json", "sha256sums.txt", "key.txt", "checkpoint.txt"
PAGE, GUIDE = "index.html", "how-to-check.txt"
ROWS, QUESTION, RUN = "answer/rows.ndjson", "answer/question.json", "answer/run.json"
MOST_RELEASED: Final = 2_000
"""Rows of an answer out of a custody, each with the proof of its release."""
MOST_IMAGES: Final = 300
"""Images of an answer: of one that names more none is in its pack."""
MOST_ROWS: Final = 200_000
"""Rows of an answer, as a gateway makes one."""
_KIB: Final = 1024
_MOST: Final[Mapping[str, int]] = {
    KEY: 4 * _KIB,
    CHECKPOINT: 64 * _KIB,
    RUN: 64 * _KIB,
    MANIFEST: 2 * _KIB**2,
    SUMS: _KIB**2,
    **dict.fromkeys((QUESTION, "documents/", "rows/", "facts/"), _KIB**2),
}
"""Bytes of a member that is read as more than bytes: an object of Python takes thirty times its JSON."""
_ENDINGS: Final[Mapping[str, str]] = {"image/jpeg": "jpg", "image/png": "png"}

_Hex = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Path = Annotated[list[_Hex], msgspec.Meta(max_length=64)]
_T = TypeVar("_T", bound=msgspec.Struct)


class Listed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A member as the manifest lists it."""

    bytes: Count
    sha256: Hash


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a pack is of, and what it holds.

    Attributes
    ----------
    of : str
        `hit/ID` or `search/ID`.
    made : str
        The leaf hash of the fact that the pack was asked for, and by whom.
    facts_from : str or None
        Since when the gateway keeps what is needed to prove looks; None: it says nothing of that.
    members : mapping
        Every member but this one and the sums, by name.
    """

    kind: Literal["wicketgate-evidence"] = "wicketgate-evidence"
    form: int = FORM
    of: Annotated[str, msgspec.Meta(pattern=r"\A(?:hit|search)/[A-Za-z0-9_-]{1,80}\Z")]
    log: str
    key: str
    made: _Hex
    facts_from: str | None
    software: Annotated[str, msgspec.Meta(max_length=80)]
    members: dict[str, Listed]


class ProvedFact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fact, its place in its second, and the place of that second's entry under the checkpoint."""

    fact: str
    second: FactAnswer
    proof: _Path


class ProvedDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of the log that holds a signed document, and its place under the checkpoint."""

    entry: Count
    text: str
    proof: _Path


class ProvedRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row as it was delivered, its place in its batch, and the proof of that batch's release.

    Attributes
    ----------
    header : mapping
        Of the batch, without the sum over all its rows: those of others are not here.
    index, path
        The row's place among the batch's rows, from 0, and the audit path to their root.
    """

    header: dict[str, Any]
    row: str
    index: Count
    path: _Path
    second: FactAnswer
    proof: _Path


class ProvedRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The run of a search as whoever asked was told it, with its promise, and the way from it to the checkpoint."""

    header: dict[str, Any]
    second: FactAnswer
    proof: _Path


class QuestionOpened(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a search asked, and why: what the fact of it commits to."""

    salt: Annotated[str, msgspec.Meta(pattern=r"\A(?:[0-9a-f]{2}){1,64}\Z")]
    question: str
    reason: str


def encode(member: msgspec.Struct) -> bytes:
    """Return a member in its one form."""
    return canonical(msgspec.to_builtins(member))


def decode(data: bytes, kind: type[_T]) -> _T:
    """Return the member in some bytes.

    Raises
    ------
    InputError
        If they are not canonical, or hold something else.
    """
    try:
        value = msgspec.convert(parse_canonical(data), kind)
    except msgspec.ValidationError as error:
        raise InputError(f"it is not of the form of `{kind.__name__}`") from error
    if encode(value) != data:
        raise InputError(f"it holds what no `{kind.__name__}` has")
    return value


def image_name(sha256: str, media_type: str) -> str:
    """Return the name of an image's member; InputError for a type that no image has."""
    if media_type not in _ENDINGS:
        raise InputError("an image of a type that no row names")
    return f"images/{sha256}.{_ENDINGS[media_type]}"


def row_name(number: int) -> str:
    """Return the name of the member that proves the release of a row, counted from 1."""
    return f"rows/{number:04d}.json"


def document_name(entry: int) -> str:
    """Return the name of the member that holds an entry."""
    return f"documents/{entry:010d}.json"


def demand_sizes(members: Mapping[str, bytes]) -> None:
    """Demand that no member which is read as more than bytes is larger than one can be, before any is read.

    Raises
    ------
    InputError
        Naming the member.
    """
    for name, data in members.items():
        folder, slash, _ = name.partition("/")
        most = _MOST.get(name, _MOST.get(folder + slash, len(data)))
        if len(data) > most:
            raise InputError(f"`{name}` has more than {most // _KIB} KiB: no pack has such a member")


def with_manifest(members: Mapping[str, bytes], about: Mapping[str, Any]) -> dict[str, bytes]:
    """Return members with the manifest that lists them, and with the sums that `sha256sum -c` takes."""
    manifest = Manifest(members={name: _listed(data) for name, data in members.items()}, **about)
    whole = {**members, MANIFEST: encode(manifest)}
    return {**whole, SUMS: sums_of(whole)}


def sums_of(members: Mapping[str, bytes]) -> bytes:
    """Return the sums of members, a line each, in the order of their names."""
    return b"".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode() for name, data in sorted(members.items())
    )


def changed_members(manifest: Manifest, members: Mapping[str, bytes]) -> list[str]:
    """Return in words each member that is not as manifest and sums list it; of those three that which differs."""
    sums = dict(
        line.split("  ", 1)[::-1]
        for line in members.get(SUMS, b"").decode("ascii", "replace").splitlines()
        if "  " in line
    )
    there = {name: _listed(data) for name, data in members.items() if name not in (MANIFEST, SUMS)}
    faults = [f"`{name}` is missing" for name in manifest.members if name not in there]
    faults += [
        f"`{name}` is there, and the manifest does not list it" for name in there.keys() - manifest.members
    ]
    for name in there.keys() & manifest.members.keys():
        if there[name] == manifest.members[name]:
            if sums.get(name) != there[name].sha256:
                faults.append(f"`{SUMS}` was changed: it has another sum of `{name}`")
        elif sums.get(name) == there[name].sha256:
            faults.append(f"`{MANIFEST}` was changed: it lists `{name}` otherwise than it is")
        else:
            faults.append(f"`{name}` was changed: it has another sum than is listed")
    if not faults and members.get(SUMS) != sums_of({n: d for n, d in members.items() if n != SUMS}):
        faults.append(f"`{MANIFEST}` or `{SUMS}` was changed: they do not agree")
    return sorted(faults)


def _listed(data: bytes) -> Listed:
    return Listed(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
