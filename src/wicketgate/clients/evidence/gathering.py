"""Gather an evidence pack from a gateway: what it gives of a hit, and what its public log proves of that."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from wicketgate.base.errors import NotEntitled, Unreachable, VerificationError
from wicketgate.base.signing import parse_canonical
from wicketgate.clients.evidence.checking import make_pack
from wicketgate.clients.evidence.members import (
    CHECKPOINT,
    FORM,
    KEY,
    LATEST,
    MOST_IMAGES,
    MOST_RELEASED,
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
    row_name,
)
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.clients.verify.remote import HttpAnswer, Remote
from wicketgate.feeds.evidence import EvidenceFact, EvidenceGiven
from wicketgate.history.forms import is_erratum
from wicketgate.ledger.facts import FactAnswer, release_fact
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
    custody : Remote, optional
        The recipient's custody, which has the rows of an answer of what left in bulk; with the same person's token.
    """

    def __init__(
        self,
        remote: Remote,
        verifier: NoteVerifier,
        say: Callable[[str], None],
        custody: Remote | None = None,
    ) -> None:
        self._remote = remote
        self._custody = custody
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
        rows = int(given.run.header.get("rows", 0))
        if self._custody is not None:
            return self._of_custody(self._custody, of, given, rows)
        lines = self._answered(of, rows)
        return self._pack(given, {**self._answer(given, lines), **self._images(f"/v1/searches/{of}", lines)})

    def _of_custody(self, custody: Remote, search: str, given: EvidenceGiven, rows: int) -> bytes:
        """Return the pack of an answer out of a custody: each row with the proof that it was released."""
        if rows > MOST_RELEASED:
            raise VerificationError(
                f"an answer of {rows} rows: of more than {MOST_RELEASED} out of a custody there is no pack"
            )
        lines: list[bytes] = []
        proved: list[ProvedRow] = []
        seconds: dict[bytes, FactAnswer] = {}
        for answer in self._pages(custody, f"/v1/searches/{search}/releases", rows):
            if b'"erased":' in answer[:40]:
                lines.append(answer)
                continue
            way = _decoded(answer, _RowWay, "a row with its way to its batch")
            lines.append(way.row.encode())
            leaf = leaf_hash(release_fact(way.header))
            if leaf not in seconds:
                seconds[leaf] = self._proof(leaf)
            proved.append(
                ProvedRow(
                    header=way.header,
                    row=way.row,
                    index=way.index,
                    path=way.path,
                    second=seconds[leaf],
                    proof=[],
                )
            )
        images = self._images_of_custody(custody, search, lines)
        return self._pack(given, {**self._answer(given, lines), **images}, proved)

    def _pages(self, gateway: Remote, path: str, rows: int) -> Iterator[bytes]:
        """Yield the lines of an answer, page by page, each a look."""
        found = 0
        while found < rows:
            page = self._asked(f"{path}?after={found}&limit={_PAGE}", _MOST_GIVEN, gateway).body.splitlines()
            page = [line for line in page if not is_erratum(line)]
            if not page:
                raise VerificationError(f"{found} rows are shown of an answer of {rows}")
            yield from page
            found += len(page)

    def _images_of_custody(self, custody: Remote, search: str, lines: Sequence[bytes]) -> dict[str, bytes]:
        named: dict[str, str] = {}
        for number, line in enumerate(lines, 1):
            read = msgspec.json.decode(line).get("read", {})
            for one in _IMAGES:
                if one in read:
                    name = image_name(read[one]["sha256"], read[one]["type"])
                    named[name] = f"/v1/searches/{search}/images/{number}/{one.partition('_')[0]}"
        if len(named) > MOST_IMAGES:
            self._say(f"the rows name {len(named)} images: of so many none is put into a pack")
            return {}
        return {name: self._asked(path, _MOST_IMAGE, custody).body for name, path in named.items()}

    def _answer(self, given: EvidenceGiven, lines: Sequence[bytes]) -> dict[str, bytes]:
        assert given.question is not UNSET
        opened = given.question
        question = QuestionOpened(salt=opened.salt, question=opened.question, reason=opened.reason)
        return {ROWS: b"".join(line + b"\n" for line in lines), QUESTION: encode(question)}

    def _answered(self, search: str, rows: int) -> list[bytes]:
        """Return the rows of an answer, page by page, each a look."""
        return list(self._pages(self._remote, f"/v1/searches/{search}/rows", rows))

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

    def _pack(
        self, given: EvidenceGiven, beside: Mapping[str, bytes], released: Sequence[ProvedRow] = ()
    ) -> bytes:
        made = given.made.encode()
        self._say("waiting until the log has the fact that this pack was asked for")
        own = EvidenceFact(fact=given.made, second=self._proof(leaf_hash(made)))
        facts = sorted((*given.facts, own), key=lambda one: (one.second.second, one.second.leaf))
        self._cover(
            max(one.entry for one in [*(fact.second for fact in facts), *(row.second for row in released)])
        )
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
        for number, one in enumerate(released, 1):
            way = self._of_second(one.second)
            members[row_name(number)] = encode(msgspec.structs.replace(one, proof=way))
        for number, fact in enumerate(facts, 1):
            proved = ProvedFact(fact=fact.fact, second=fact.second, proof=self._of_second(fact.second))
            members[f"facts/{number:04d}.json"] = encode(proved)
        about = {
            "form": LATEST if released or _tells_of_errata(facts) else FORM,
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

    def _asked(self, path: str, most: int, gateway: Remote | None = None) -> HttpAnswer:
        answer = (gateway or self._remote).get(path, most=most)
        if answer.status != 200:
            raise _refused(answer)
        return answer


class _RowWay(msgspec.Struct, frozen=True, kw_only=True):
    """A row as a custody gives it for a pack."""

    header: dict[str, Any]
    row: str
    index: int
    path: list[str]


def _tells_of_errata(facts: Sequence[EvidenceFact]) -> bool:
    return any(parse_canonical(one.fact.encode()).get("kind") == "erratum" for one in facts)


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
