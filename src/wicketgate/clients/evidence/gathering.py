"""Gather an evidence pack from a gateway: what it gives of a hit, and what its public log proves of that."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from wicketgate.base.errors import NotEntitled, Unreachable, VerificationError
from wicketgate.clients.evidence.checking import make_pack
from wicketgate.clients.evidence.members import (
    CHECKPOINT,
    KEY,
    ProvedDocument,
    ProvedFact,
    ProvedRow,
    document_name,
    encode,
    image_name,
)
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.clients.verify.remote import HttpAnswer, Remote
from wicketgate.feeds.evidence import EvidenceFact, EvidenceGiven
from wicketgate.ledger.facts import FactAnswer
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.notes import NoteVerifier

_MOST_GIVEN: Final = 64 * 1024 * 1024
_MOST_IMAGE: Final = 16 * 1024 * 1024
_MOST_PROOF: Final = 64 * 1024
_PATIENCE_S: Final = 60.0
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

    def pack_hit(self, hit_id: str) -> bytes:
        """Return the pack of a hit, checked before it is returned.

        Raises
        ------
        NotEntitled, InputError
            As the gateway refuses it.
        VerificationError, LedgerError
            If what the gateway gives does not hold: then it is no evidence, and nothing is returned.
        Unreachable
            If the gateway cannot be reached, or does not prove in time that the pack was asked for.
        """
        return self._pack(self._given(f"/v1/hits/{quote(hit_id, safe='')}/evidence"))

    def _pack(self, given: EvidenceGiven) -> bytes:
        made = given.made.encode()
        images: dict[str, bytes] = {}
        for row in given.rows:
            images |= self._images(given.authority, row.row)
        self._say("waiting until the log has the fact that this pack was asked for")
        own = EvidenceFact(fact=given.made, second=self._proof(leaf_hash(made)))
        facts = sorted((*given.facts, own), key=lambda one: (one.second.second, one.second.leaf))
        last = max(one.second.entry for one in facts)
        while self._log.checkpoint.size <= last:
            self._log.advance()
        members: dict[str, bytes] = {
            KEY: self._verifier.vkey.encode() + b"\n",
            CHECKPOINT: self._log.note,
            **images,
        }
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
        return _decoded(
            self._asked(path, _MOST_GIVEN).body, EvidenceGiven, "what an evidence pack is made of"
        )

    def _images(self, authority: str, row: str) -> dict[str, bytes]:
        read: Mapping[str, Any] = msgspec.json.decode(row).get("read", {})
        found = {}
        for one in _IMAGES:
            if one in read:
                image = read[one]
                path = f"/v1/feeds/{quote(authority, safe='')}/images/{quote(image['ref'], safe='')}"
                found[image_name(image["sha256"], image["type"])] = self._asked(path, _MOST_IMAGE).body
        return found

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
            raise NotEntitled(_detail(answer), code=answer.code or "not-entitled")
        return answer


def _hex(proof: tuple[bytes, ...]) -> list[str]:
    return [node.hex() for node in proof]


def _decoded(body: bytes, kind: type[_T], what: str) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise VerificationError(f"the gateway's answer is not {what}") from error


def _detail(answer: HttpAnswer) -> str:
    try:
        return str(msgspec.json.decode(answer.body)["detail"])[:300]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, RecursionError):
        return f"the gateway answers {answer.status}"
