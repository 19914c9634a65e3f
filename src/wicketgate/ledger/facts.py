"""Facts, committed to unseen: the seconds around them, and promises.

The rules stand in docs/spec/ledger.md. Pure: salts and seeds are given, times are given.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import msgspec

from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.base.shapes import Count, Hash, Time, about
from wicketgate.base.signing import canonical, verify_signature
from wicketgate.ledger import merkle

ENTRIES_FORM = 2
"""The form of entries that this version writes, and the latest that it reads: docs/spec/ledger.md, section 7."""
SALT_BYTES = 16
SMALLEST_TREE = 256
"""Leaves of a second's tree at least, so that a proof does not tell how busy the second was."""

_PROMISE_CONTEXT = b"wicketgate promise v1\n"


class Signs(Protocol):
    """A signer with the log's key."""

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature over `message`."""
        ...


def fact(kind: str, body: Mapping[str, Any], salt: bytes) -> bytes:
    """Return a fact as canonical JSON with its salt.

    Without the salt its hash cannot be guessed.
    """
    return canonical({"kind": kind, **body, "salt": salt.hex()})


def release_fact(header: Mapping[str, Any]) -> bytes:
    """Return the fact of a release.

    Anyone who holds the batch's header can build it again.

    Raises
    ------
    InputError
        If `header` lacks a member.
    """
    try:
        body = {
            name: header[name] for name in ("authority", "batch", "commit", "rows", "root", "released_at")
        }
        return fact("release", body, bytes.fromhex(header["promise"]["salt"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("a batch's header lacks what its release is committed by") from error


def search_run_fact(header: Mapping[str, Any]) -> bytes:
    """Return the fact of a run of a question to the past.

    Anyone who holds what whoever asked was given (`header`) can build it again.

    Raises
    ------
    InputError
        If `header` lacks a member.
    """
    try:
        names = ("authority", "commit", "emergency", "id", "rows", "root", "run_at", "until")
        body = {name: header[name] for name in names}
        return fact("search-run", body, bytes.fromhex(header["promise"]["salt"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("a run's header lacks what it is committed by") from error


def second_of(at_us: int) -> int:
    """Return the start of the second around `at_us`, microseconds."""
    return at_us - at_us % SECOND_US


@dataclass(frozen=True, slots=True)
class FactProof:
    """The proof of a fact under a second's root.

    Attributes
    ----------
    index, size : int
        Where its leaf stands among the second's leaves.
    path : tuple of bytes
        RFC 6962 audit path, lowest first.
    """

    index: int
    size: int
    path: tuple[bytes, ...]


class SecondTree:
    """The facts of one second, salted, padded and ordered by hash.

    They are padded to a power of two. Padding hides how many facts there were; the order by hash hides which came
    first. Neither needs to be trusted: the overseer, who has the facts and the seed, builds the tree again.
    """

    def __init__(self, facts: Sequence[bytes], seed: bytes) -> None:
        size = SMALLEST_TREE
        while size < len(facts):
            size *= 2
        padding = (hashlib.sha256(seed + n.to_bytes(4, "big")).digest() for n in range(size - len(facts)))
        leaves = sorted([*merkle.leaf_hashes(facts), *(merkle.leaf_hash(p) for p in padding)])
        # The tree is a full one: its rows are kept, and a proof is one node of each.
        self._rows = [leaves]
        while len(self._rows[-1]) > 1:
            row = self._rows[-1]
            self._rows.append([merkle.node_hash(row[n], row[n + 1]) for n in range(0, len(row), 2)])
        self._places = {leaf: place for place, leaf in enumerate(leaves)}
        self.root = self._rows[-1][0]

    def prove(self, leaf: bytes) -> FactProof:
        """Return the proof for the fact with the leaf hash `leaf`.

        KeyError if it is not here. O(log n).
        """
        index = self._places[leaf]
        path = tuple(row[(index >> height) ^ 1] for height, row in enumerate(self._rows[:-1]))
        return FactProof(index, len(self._rows[0]), path)


def second_entry(second_us: int, root: bytes) -> bytes:
    """Return the ledger's entry of a second.

    It has the same size whatever happened.
    """
    return canonical({"kind": "second", "at": rfc3339(second_us), "root": root.hex()})


class Promises:
    """The promises of one moment, for the batches released then.

    Parameters
    ----------
    at_us : int
        When they were released, microseconds; settles the second.
    merge_delay_us : int
        Of the charter in force: within so long after its second a release must be provable.
    """

    def __init__(self, origin: str, at_us: int, signer: Signs, merge_delay_us: int) -> None:
        second_us = second_of(at_us)
        self._dates = {
            "second": rfc3339(second_us),
            "merge_by": rfc3339(second_us + SECOND_US + merge_delay_us),
        }
        self._before = _before_fact(origin, self._dates)
        self._signer = signer

    def make(self, header: Mapping[str, Any], salt: bytes) -> tuple[dict[str, str], bytes]:
        """Return the promise for a batch's header, complete otherwise, and the fact of its release.

        Parameters
        ----------
        header : mapping
            With authority, batch, commit, rows, root and released_at.
        """
        return self._promised(release_fact, header, salt)

    def make_run(self, header: Mapping[str, Any], salt: bytes) -> tuple[dict[str, str], bytes]:
        """Return the promise for the header of a run of a question, complete otherwise, and the fact of the run."""
        return self._promised(search_run_fact, header, salt)

    def _promised(
        self, make_fact: Callable[[Mapping[str, Any]], bytes], header: Mapping[str, Any], salt: bytes
    ) -> tuple[dict[str, str], bytes]:
        promise = {"salt": salt.hex(), **self._dates}
        fact = make_fact({**header, "promise": promise})
        promise["signature"] = base64.b64encode(self._signer.sign(self._before + fact)).decode()
        return promise, fact


def check_promise(origin: str, header: Mapping[str, Any], log_public: bytes) -> int:
    """Check a header's promise, and return the merge delay that it names, microseconds.

    Whether the charter in force allowed that delay is for whoever knows the charters (`check_delay`).

    Raises
    ------
    VerificationError
        If it is not the log's, or is not to be had in time.
    """
    where = f"the promise of batch {header.get('batch')}"
    return _check_promise(where, origin, header, "released_at", release_fact, log_public)


def check_run_promise(origin: str, header: Mapping[str, Any], log_public: bytes) -> int:
    """Check the promise in the header of a run of a question, as `check_promise` does."""
    return _check_promise("the promise of a run", origin, header, "run_at", search_run_fact, log_public)


def _check_promise(
    where: str,
    origin: str,
    header: Mapping[str, Any],
    when: str,
    make_fact: Callable[[Mapping[str, Any]], bytes],
    log_public: bytes,
) -> int:
    try:
        promise = header["promise"]
        signature = base64.b64decode(promise["signature"], validate=True)
        text = _before_fact(origin, promise) + make_fact(header)
        second_us = second_of(parse_rfc3339(header[when]))
        merge_by_us = parse_rfc3339(promise["merge_by"])
        # Each has one form: otherwise a byte could be changed and nobody would see it.
        salt, encoded = bytes.fromhex(promise["salt"]).hex(), base64.b64encode(signature).decode()
    except (KeyError, TypeError, AttributeError, InputError, binascii.Error, ValueError) as error:
        raise VerificationError(f"{where} cannot be read") from error
    if encoded != promise["signature"] or salt != promise["salt"]:
        raise VerificationError(f"{where} is not in its one form")
    if not verify_signature(log_public, text, signature):
        raise VerificationError(f"{where} is not signed by the log's key")
    if promise["second"] != rfc3339(second_us) or promise["merge_by"] != rfc3339(merge_by_us):
        raise VerificationError(
            f"{where} names another second than that of the release, or one in another form"
        )
    delay_us = merge_by_us - second_us - SECOND_US
    if delay_us < 0:
        raise VerificationError(f"{where} is to be proved before its second is over")
    return delay_us


def check_delay(header: Mapping[str, Any], delay_us: int, allowed_us: Collection[int]) -> None:
    """Check the merge delay of a promise against the charter in force at its release.

    Parameters
    ----------
    delay_us : int
        What the promise names (`check_promise`).
    allowed_us : collection of int
        Of the charter; of two where one took effect in the very microsecond of the release.

    Raises
    ------
    VerificationError
        If it is another one.
    """
    if delay_us not in allowed_us:
        allowed = " or ".join(f"{one / SECOND_US:g}" for one in sorted(allowed_us)) or "no"
        raise VerificationError(
            f"the promise of batch {header.get('batch')} is to be kept within {delay_us / SECOND_US:g} s, and the "
            f"charter in force said {allowed} s"
        )


def promised_within_s(header: Mapping[str, Any]) -> float:
    """Return the time between a checked promise's second and its end, in seconds."""
    promise = header["promise"]
    return (parse_rfc3339(promise["merge_by"]) - parse_rfc3339(promise["second"])) / SECOND_US


def _before_fact(origin: str, promise: Mapping[str, Any]) -> bytes:
    dates = canonical({"merge_by": promise["merge_by"], "second": promise["second"]})
    return _PROMISE_CONTEXT + origin.encode() + b"\n" + dates + b"\n"


class FactAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """The way from a fact to the ledger entry of its second."""

    leaf: Annotated[Hash, about("The fact's leaf hash.")]
    index: Annotated[Count, about("Its place among the second's leaves.")]
    size: Annotated[Count, about("How many leaves the second has, padding included.")]
    path: Annotated[list[Hash], about("RFC 6962 audit path to the second's root, lowest first.")]
    root: Annotated[Hash, about("The second's root, as its entry shows it.")]
    second: Annotated[Time, about("The second.")]
    entry: Annotated[Count, about("The index of its entry in the ledger, from 0.")]


def check_fact(answer: FactAnswer, leaf: bytes, entry: bytes) -> None:
    """Check a fact's leaf hash against a ledger entry.

    `leaf` must be under the entry that `answer` names.

    Parameters
    ----------
    entry : bytes
        The ledger's entry at `answer.entry`; that it is in the log is checked elsewhere.

    Raises
    ------
    VerificationError
        If the proof does not hold, or the entry is of another second.
    """
    try:
        root = bytes.fromhex(answer.root)
        path = tuple(bytes.fromhex(node) for node in answer.path)
    except ValueError as error:
        raise VerificationError("a proof is not in hexadecimal") from error
    if not merkle.verify_inclusion(leaf, answer.index, answer.size, path, root):
        raise VerificationError(f"a fact is not under the root of the second `{answer.second}`")
    if entry != canonical({"kind": "second", "at": answer.second, "root": answer.root}):
        raise VerificationError(
            f"entry {answer.entry} of the ledger is not the second `{answer.second}` of the proof"
        )


def check_kept(header: Mapping[str, Any], answer: FactAnswer, entry: bytes) -> None:
    """Check the keeping of a promise.

    The release must be under the entry of the second that was promised.

    Parameters
    ----------
    header : mapping
        The batch's, its promise checked before (`check_promise`).
    entry : bytes
        As for `check_fact`.

    Raises
    ------
    VerificationError
        If the promise is broken, or this is no proof of it.
    """
    leaf = merkle.leaf_hash(release_fact(header))
    where = f"batch {header.get('batch')}"
    if answer.second != header["promise"]["second"]:
        raise VerificationError(
            f"{where}: promise broken: it is in the second `{answer.second}`, not in its own"
        )
    if answer.leaf != leaf.hex():
        raise VerificationError(f"{where}: a proof of something else")
    try:
        check_fact(answer, leaf, entry)
    except VerificationError as error:
        raise VerificationError(f"{where}: {error.detail}") from error
