"""Gather an evidence pack from a gateway: what it gives of a hit, and what its public log proves of that."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from wicketgate.base.errors import NotEntitled, Unreachable, VerificationError
from wicketgate.clients.evidence.checking import make_pack
from wicketgate.clients.evidence.members import (
    CHECKPOINT,
    KEY,
    MOST_IMAGES,
    QUESTION,
    ROWS,
    RUN,
    ProvedDocument,
    ProvedFact,
    ProvedRow,
    ProvedRun,
    QuestionOpened,
    document_name,
    encode,
    image_name,
)
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.clients.verify.remote import HttpAnswer, Remote
from wicketgate.feeds.evidence import EvidenceFact, EvidenceGiven
from wicketgate.history.forms import is_erratum
from wicketgate.ledger.facts import FactAnswer
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.notes import NoteVerifier

_MOST_GIVEN: Final = 64 * 1024 * 1024
_MOST_IMAGE: Final = 16 * 1024 * 1024
_MOST_PROOF: Final = 64 * 1024
_PATIENCE_S: Final = 60.0
_PAGE: Final = 1000
_SEARCH = re.compile(r"[0-9a-f]{32}", re.ASCII)
_AGAIN_S: Final = 1.0
_IMAGES: Final = ("patch_image", "overview_image")
_T = TypeVar("_T")


class Gathering:
    """The gathering of one pack.

    Parameters
    ----------
    remote : Remote
        The gateway, with the token of whoever asks.
    verifier : NoteVerifier
        The log's key.
    say : callable
        Told in words what is waited for.
    """

    def __init__(self, remote: Remote, verifier: NoteVerifier, say: Callable[[str], None]) -> None:
        self._remote = remote
        self._verifier = verifier
        self._say = say
        self._log = TrustedLog.open(remote.log(), verifier)

    def pack(self, of: str) -> bytes:
        """Return the pack of a hit or an answer, checked before it is returned.

        Parameters
        ----------
        of : str
            The id of the one or the other: that of a search has 32 hexadecimal digits.

        Raises
        ------
        NotEntitled, InputError
            As the gateway refuses it.
        VerificationError, LedgerError
            If what the gateway gives does not hold: then it is no evidence, and nothing is returned.
        Unreachable
            If the gateway cannot be reached, or does not prove in time that the pack was asked for.
        """
        if _SEARCH.fullmatch(of) is None:
            given = self._given(f"/v1/hits/{quote(of, safe='')}/evidence")
            images = dict[str, bytes]()
            for row in given.rows:
                images |= self._images(f"/v1/feeds/{quote(given.authority, safe='')}", [row.row.encode()])
            return self._pack(given, images)
        given = self._given(f"/v1/searches/{of}/evidence")
        if given.run is UNSET or given.question is UNSET:
            raise VerificationError("the gateway gives no run of that search")
        lines = self._answered(of, int(given.run.header.get("rows", 0)))
        return self._pack(given, {**self._answer(given, lines), **self._images(f"/v1/searches/{of}", lines)})

    def _answer(self, given: EvidenceGiven, lines: Sequence[bytes]) -> dict[str, bytes]:
        assert given.question is not UNSET
        opened = given.question
        question = QuestionOpened(salt=opened.salt, question=opened.question, reason=opened.reason)
        return {ROWS: b"".join(line + b"\n" for line in lines), QUESTION: encode(question)}

    def _answered(self, search: str, rows: int) -> list[bytes]:
        """Return the rows of an answer, page by page, each a look."""
        lines: list[bytes] = []
        while len(lines) < rows:
            path = f"/v1/searches/{search}/rows?after={len(lines)}&limit={_PAGE}"
            page = [one for one in self._asked(path, _MOST_GIVEN).body.splitlines() if not is_erratum(one)]
            if not page:
                raise VerificationError(f"the gateway shows {len(lines)} rows of an answer of {rows}")
            lines += page
        return lines

    def _cover(self, entry: int) -> None:
        """Take checkpoints until one covers an entry."""
        until_s = time.monotonic() + _PATIENCE_S
        while True:
            self._log.advance()
            if self._log.checkpoint.size > entry:
                return
            if time.monotonic() > until_s:
                raise VerificationError(f"the gateway proves by entry {entry}, and shows no log of so many")
            time.sleep(_AGAIN_S)

    def _pack(self, given: EvidenceGiven, beside: Mapping[str, bytes]) -> bytes:
        made = given.made.encode()
        self._say("waiting until the log has the fact that this pack was asked for")
        own = EvidenceFact(fact=given.made, second=self._proof(leaf_hash(made)))
        facts = sorted((*given.facts, own), key=lambda one: (one.second.second, one.second.leaf))
        self._cover(max(one.second.entry for one in facts))
        members: dict[str, bytes] = {
            KEY: self._verifier.vkey.encode() + b"\n",
            CHECKPOINT: self._log.note,
            **beside,
        }
        if given.run is not UNSET:
            run = given.run
            members[RUN] = encode(
                ProvedRun(header=run.header, second=run.second, proof=self._of_second(run.second))
            )
        for entry in given.documents:
            text, proof = self._log.proved(entry)
            document = ProvedDocument(entry=entry, text=text.decode(), proof=_hex(proof))
            members[document_name(entry)] = encode(document)
        for number, row in enumerate(given.rows, 1):
            members[f"rows/{number:04d}.json"] = encode(
                ProvedRow(
                    header=row.header,
                    row=row.row,
                    index=row.index,
                    path=row.path,
                    second=row.second,
                    proof=self._of_second(row.second),
                )
            )
        for number, fact in enumerate(facts, 1):
            proved = ProvedFact(fact=fact.fact, second=fact.second, proof=self._of_second(fact.second))
            members[f"facts/{number:04d}.json"] = encode(proved)
        about = {
            "of": given.of,
            "log": self._log.checkpoint.origin,
            "key": self._verifier.vkey,
            "made": leaf_hash(made).hex(),
            "facts_from": given.facts_from,
            "software": f"wicketgate {version('wicketgate')}",
        }
        return make_pack(members, about)

    def _of_second(self, second: FactAnswer) -> list[str]:
        return _hex(self._log.proved(second.entry)[1])

    def _given(self, path: str) -> EvidenceGiven:
        """Return what the gateway gives, once what was just released or run is proved."""
        until_s = time.monotonic() + _PATIENCE_S
        while True:
            answer = self._remote.get(path, most=_MOST_GIVEN)
            if answer.status == 200:
                return _decoded(answer.body, EvidenceGiven, "what an evidence pack is made of")
            if answer.code != "not-due" or time.monotonic() > until_s:
                raise _refused(answer)
            self._say("waiting until the log has what is to be proved")
            time.sleep(_AGAIN_S)

    def _images(self, where: str, rows: Sequence[bytes]) -> dict[str, bytes]:
        """Return the images that rows name, each fetched once; none where there are too many for a pack.

        Parameters
        ----------
        where : str
            The path of the feed or of the answer.
        """
        reads = [msgspec.json.decode(row).get("read", {}) for row in rows]
        named = {
            image_name(read[one]["sha256"], read[one]["type"]): read[one]["ref"]
            for read in reads
            for one in _IMAGES
            if one in read
        }
        if len(named) > MOST_IMAGES:
            self._say(f"the rows name {len(named)} images: of so many none is put into a pack")
            return {}
        return {
            name: self._asked(f"{where}/images/{quote(ref, safe='')}", _MOST_IMAGE).body
            for name, ref in named.items()
        }

    def _proof(self, leaf: bytes) -> FactAnswer:
        """Return the proof of a fact once its second is over and in the log."""
        until_s = time.monotonic() + _PATIENCE_S
        while True:
            answer = self._remote.get(f"/log/fact/{leaf.hex()}", most=_MOST_PROOF)
            if answer.status == 200:
                return _decoded(answer.body, FactAnswer, "the proof of a fact")
            if time.monotonic() > until_s:
                raise Unreachable(
                    "the gateway has not proved that this pack was asked for: ask again", code="not-due"
                )
            time.sleep(_AGAIN_S)

    def _asked(self, path: str, most: int) -> HttpAnswer:
        answer = self._remote.get(path, most=most)
        if answer.status != 200:
            raise _refused(answer)
        return answer


def _hex(proof: tuple[bytes, ...]) -> list[str]:
    return [node.hex() for node in proof]


def _decoded(body: bytes, kind: type[_T], what: str) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise VerificationError(f"the gateway's answer is not {what}") from error


def _refused(answer: HttpAnswer) -> NotEntitled:
    try:
        detail = str(msgspec.json.decode(answer.body)["detail"])[:300]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, RecursionError):
        detail = f"the gateway answers {answer.status}"
    return NotEntitled(detail, code=answer.code or "not-entitled")
