"""The answer to a search in an evidence pack: its run, its rows, and the question that the log commits to. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.clients.evidence.members import MOST_ROWS, QuestionOpened
from wicketgate.feeds.batches import erased_line, has_member_twice
from wicketgate.ledger.facts import check_run_promise
from wicketgate.ledger.merkle import HASH_BYTES, leaf_hash, root

_HEADER: Final = frozenset(
    {"id", "authority", "commit", "emergency", "rows", "root", "run_at", "until", "promise"}
)
_PROMISE: Final = frozenset({"salt", "second", "merge_by", "signature"})
_ROW: Final = frozenset({"seq", "salt", "authority", "read"})
_BESIDE: Final = frozenset({"quality", "impossible"})
_SALT = re.compile(r"[0-9a-f]{32}", re.ASCII)
_REFERENCE = re.compile(r"([a-z0-9][a-z0-9-]{0,63})@([1-9][0-9]{0,6})", re.ASCII)


def reference(text: object) -> tuple[str, int]:
    """Return the name and the version in a reference to an authority; VerificationError where it is none."""
    match = _REFERENCE.fullmatch(str(text))
    if match is None:
        raise VerificationError("it names no authority")
    return match[1], int(match[2])


def check_run(header: Mapping[str, Any], origin: str, public: bytes) -> None:
    """Check the header of a run: its members and no other, and its promise.

    Raises
    ------
    VerificationError
        If it has others, or the promise is not the log's.
    """
    promise = header.get("promise")
    if header.keys() != _HEADER or not isinstance(promise, dict) or promise.keys() != _PROMISE:
        raise VerificationError("it has not the members of a run, or has others")
    if type(header["rows"]) is not int or not 0 <= header["rows"] <= MOST_ROWS:
        raise VerificationError(f"it says that it has more rows than {MOST_ROWS}, which no answer has")
    check_run_promise(origin, header, public)


def delay_of(header: Mapping[str, Any]) -> int:
    """Return the merge delay that a checked promise names, microseconds."""
    promise = header["promise"]
    return parse_rfc3339(promise["merge_by"]) - parse_rfc3339(promise["second"]) - SECOND_US


def answered_rows(data: bytes, run: Mapping[str, Any], shown: Collection[str]) -> list[dict[str, Any]]:
    """Return the rows of an answer, which must be all that its run committed to.

    Parameters
    ----------
    shown : collection of str
        The members of a read that its authority shows.

    Raises
    ------
    InputError, VerificationError
        Naming the row; never what it holds.
    """
    # Counted before they are told apart: millions of empty lines take gigabytes.
    if data.count(b"\n") != run["rows"] or not data.endswith(b"\n" if data else b""):
        raise VerificationError(f"it has not the {run['rows']} rows of the run")
    lines = data.split(b"\n")[:-1]
    rows, leaves = [], []
    for number, line in enumerate(lines, 1):
        row = _row(line, number)
        if row.get("seq") != number:
            raise VerificationError(f"row {number} has another number")
        if "erased" in row:
            leaves.append(_erased(line, row, number))
        else:
            if fault := _fault(line, row, run, shown):
                raise VerificationError(f"row {number} {fault}")
            leaves.append(leaf_hash(line))
        rows.append(row)
    if root(leaves).hex() != run["root"]:
        raise VerificationError("its rows do not hash to the root of the run")
    return rows


def released_rows(data: bytes, run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of an answer out of a custody, which must be all that its run committed to.

    They have the numbers of the feed that released them; what each may show its release says.

    Raises
    ------
    InputError, VerificationError
        Naming the row by its place in the answer; never what it holds.
    """
    lines = data.split(b"\n")
    if lines.pop() != b"" or len(lines) != run["rows"]:
        raise VerificationError(f"it has not the {run['rows']} rows of the run")
    rows = [_row(line, number) for number, line in enumerate(lines, 1)]
    leaves = [
        _erased(line, row, number) if "erased" in row else leaf_hash(line)
        for number, (line, row) in enumerate(zip(lines, rows, strict=True), 1)
    ]
    if root(leaves).hex() != run["root"]:
        raise VerificationError("its rows do not hash to the root of the run")
    return rows


def _row(line: bytes, number: int) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"row {number} is not JSON") from error


def _erased(line: bytes, row: Mapping[str, Any], number: int) -> bytes:
    try:
        leaf = bytes.fromhex(str(row["erased"]))
    except ValueError:
        leaf = b""
    if len(leaf) != HASH_BYTES or line != erased_line(row["seq"], leaf):
        raise VerificationError(f"row {number} is not of the form of an erased row")
    return leaf


def _fault(line: bytes, row: Mapping[str, Any], run: Mapping[str, Any], shown: Collection[str]) -> str:
    read = row.get("read")
    if not isinstance(read, dict) or not row.keys() >= _ROW or row.keys() - _ROW - _BESIDE:
        return "has not the members of a row, or has others"
    if has_member_twice(line, row) or _SALT.fullmatch(str(row["salt"])) is None:
        return "has a member twice, or no salt"
    if row["authority"] != run["authority"]:
        return "names another authority than the run"
    if read.keys() - set(shown):
        return "has a member that its authority does not show"
    captured = read.get("captured_at")
    if captured is not None and rfc3339(parse_rfc3339(captured)) != captured:
        return "has no time of capture that can be read"
    return ""


def question_hash(opened: QuestionOpened) -> str:
    """Return what the fact of a question commits to: as `gateway.filing.search_facts` makes it."""
    parts = (bytes.fromhex(opened.salt), opened.question.encode(), opened.reason.encode())
    return hashlib.sha256(b"\x00".join(parts)).hexdigest()
