"""Evidence packs of a made gateway's life, made by what makes real ones: for tests of those who check one."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tests.made_gateway import FEED, WANTED, World, ref_of
from tests.simulator import ORIGIN, VKEY, charter
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US, rfc3339
from wicketgate.base.signing import parse_canonical
from wicketgate.clients.custody.rows import row_ways
from wicketgate.clients.evidence.archive import read_archive, write_archive
from wicketgate.clients.evidence.checking import make_pack
from wicketgate.clients.evidence.members import (
    CHECKPOINT,
    KEY,
    LATEST,
    MANIFEST,
    QUESTION,
    ROWS,
    RUN,
    SUMS,
    ProvedDocument,
    ProvedFact,
    ProvedRow,
    ProvedRun,
    QuestionOpened,
    document_name,
    encode,
    image_name,
    row_name,
    with_manifest,
)
from wicketgate.commits.errata import ErratumRow, ErratumSent
from wicketgate.commits.stored import StoredPlace
from wicketgate.commits.transactions import Transaction
from wicketgate.feeds.batches import Batch, read_batches
from wicketgate.gateway.filing.errata_facts import erratum_fact
from wicketgate.gateway.filing.facts import image_fact, look_fact
from wicketgate.gateway.filing.search_facts import search_fact
from wicketgate.ledger.facts import Promises, release_fact, search_run_fact
from wicketgate.ledger.merkle import inclusion_ranges, leaf_hash, leaf_hashes, root
from wicketgate.ledger.notes import unverified_checkpoint
from wicketgate.ledger.tiles import TileReader, folder_fetch, prove_inclusion
from wicketgate.regime.searches.approvals import ApprovalGiven
from wicketgate.regime.searches.values import AnswerLooked, SearchApproved, SearchAsked, SearchEvent

PERSON = "person:" + "5a" * 32
IMAGE = b"\xff\xd8\xff\xe0 an image that nobody made of anybody \xff\xd9"


class PackedWorld(World):
    """A gateway's life with four hits, an image that followed its read, an outcome and some looks."""

    def __init__(self, folder: Path) -> None:
        self.told: list[bytes] = []
        super().__init__(folder, founding=self._founding())
        self.image = {
            "ref": "ab" * 16,
            "sha256": hashlib.sha256(IMAGE).hexdigest(),
            "type": "image/jpeg",
            "bytes": len(IMAGE),
        }
        self._live()
        self.close_second()
        self.close_second()
        self.flush()

    def _founding(self) -> dict[str, Any]:
        return charter()

    def _live(self) -> None:
        self.authority = self.document(documents.example("authority-match"), documents.MATCH_OFFICES)
        self.close_second()
        sent = self.decide(10, released=4, withheld=6, feed=WANTED)
        self.close_second()
        sent += self.decide(0, released=0, withheld=0, feed=WANTED, again=1)
        self.close_second()
        self.batches_sent: list[Batch] = list(read_batches(io.BytesIO(sent)))
        self.id = ref_of(WANTED, 1)
        sequence = self.state.sequence + 1
        self.apply(facts=(look_fact(sequence, by=PERSON, what="hit", of=self.id, more={}),))
        looked = image_fact(
            sequence, authority=WANTED, sha256=self.image["sha256"], unit="met/serious-crime", by=PERSON
        )
        self.apply(facts=(looked,))
        self.answer("confirmed", 1)
        self.close_second()
        self.review = self.document(
            documents.changed(
                documents.example("review"),
                documents.put("review.authority", WANTED),
                documents.put("review.reviewed_at", rfc3339(self.at_us)),
            ),
            documents.MATCH_OFFICES,
        )
        self._ask_for_it(f"hit/{self.id}")

    def _ask_for_it(self, of: str) -> None:
        self.made = look_fact(self.state.sequence + 1, by=PERSON, what="evidence", of=of, more={})
        self.apply(facts=(self.made,))

    def _of(self) -> str:
        return f"hit/{self.id}"

    def _entries(self) -> tuple[int, ...]:
        return (0, self.authority, self.review)

    def _reveal(self, sequence: int, transaction: Transaction, places: tuple[StoredPlace, ...]) -> None:
        super()._reveal(sequence, transaction, places)
        if transaction.second is not None:
            self.told += transaction.second.facts

    def about(self) -> dict[str, Any]:
        """Return what the manifest says besides its members."""
        return {
            "of": self._of(),
            "log": ORIGIN,
            "key": VKEY,
            "made": leaf_hash(self.made).hex(),
            "facts_from": "2026-07-04T12:00:00Z",
            "software": "wicketgate test",
        }

    def members(self) -> dict[str, bytes]:
        """Return the members of the pack, before its page."""
        note = self.ledger.checkpoint
        size = unverified_checkpoint(note).size
        reader = TileReader(folder_fetch(self.folder), size)

        def proof(entry: int) -> list[str]:
            return [node.hex() for node in prove_inclusion(reader, entry, size)]

        members = {KEY: VKEY.encode() + b"\n", CHECKPOINT: note, **self._own_members(proof)}
        for entry in self._entries():
            text = self.entries[entry].decode()
            members[document_name(entry)] = encode(ProvedDocument(entry=entry, text=text, proof=proof(entry)))
        wanted = [one for one in self.told if self._is_wanted(parse_canonical(one))]
        ordered = sorted(
            ((self.facts[leaf_hash(one).hex()], one) for one in wanted),
            key=lambda pair: (pair[0].second, pair[0].leaf),
        )
        for number, (second, fact) in enumerate(ordered, 1):
            members[f"facts/{number:04d}.json"] = encode(
                ProvedFact(fact=fact.decode(), second=second, proof=proof(second.entry))
            )
        return members

    def _own_members(self, proof: Callable[[int], list[str]]) -> dict[str, bytes]:
        members = {image_name(self.image["sha256"], "image/jpeg"): IMAGE}
        for number, (batch, index) in enumerate(zip(self.batches_sent, (0, 0), strict=True), 1):
            second = self.facts[leaf_hash(release_fact(batch.header)).hex()]
            leaves = leaf_hashes(batch.lines)
            ways = inclusion_ranges(index, len(leaves))
            members[f"rows/{number:04d}.json"] = encode(
                ProvedRow(
                    header={name: value for name, value in batch.header.items() if name != "sha256"},
                    row=batch.lines[index].decode(),
                    index=index,
                    path=[root(leaves[start:end]).hex() for start, end in ways],
                    second=second,
                    proof=proof(second.entry),
                )
            )
        return members

    def _is_wanted(self, fact: Mapping[str, Any]) -> bool:
        of = fact.get("hit", fact.get("of"))
        return of in (self.id, f"hit/{self.id}") or fact["kind"] == "image-read"

    def pack(self) -> bytes:
        """Return the pack."""
        return make_pack(self.members(), self.about())


class PackedAnswer(PackedWorld):
    """A gateway's life with a question that was approved, run and looked at."""

    def _founding(self) -> dict[str, Any]:
        modes = ["match", "search"]
        return documents.changed(
            charter(),
            documents.put("signatures.8.modes", modes),
            documents.put("consultations.2.modes", modes),
        )

    def _live(self) -> None:
        document = documents.example("authority-search")
        self.authority = self.document(document, documents.MATCH_OFFICES)
        self.close_second()
        name = document["authority"]["name"]
        self.lines = [
            b'{"seq":%d,"salt":"%b","authority":"%b@1","read":{"plate":"AB12CDE","confidence":0.9,'
            b'"captured_at":"2026-07-08T11:0%d:00Z"},"quality":"exact"}'
            % (number, f"{number:032x}".encode(), name.encode(), number)
            for number in (1, 2, 3)
        ]
        self._answer(name)

    def _answer(self, name: str) -> None:
        """Let a question be put, approved, run with `lines`, and looked at."""
        self.id, self.salt = "5e" * 16, bytes(range(16))
        self.question, self.reason = b'{"plate":"AB12CDE"}', "The van was seen leaving the yard."
        self._tell(
            SearchAsked(
                id=self.id,
                authority=f"{name}@1",
                unit="met/serious-crime",
                by=PERSON,
                question=self.question,
                salt=self.salt,
                kinds=("plate",),
                offence="CLD-101",
                case="C-2026-7",
                reason=self.reason,
                cameras=3,
                camera_days=3,
                plates=1,
            )
        )
        given = ApprovalGiven(by="person:" + "6b" * 32, office="met/serious-crime", counted=None)
        self._tell(SearchApproved(id=self.id, given=given))
        self.close_second()
        header = {
            "id": self.id,
            "authority": f"{name}@1",
            "commit": self.state.sequence + 1,
            "emergency": False,
            "rows": len(self.lines),
            "root": root(leaf_hashes(self.lines)).hex(),
            "run_at": rfc3339(self.at_us),
            "until": rfc3339(self.at_us + 3600 * SECOND_US),
        }
        promise, run = Promises(ORIGIN, self.at_us, self.key, self.merge_delay_us).make_run(header, bytes(16))
        self.header = {**header, "promise": promise}
        self.apply(facts=(run,))
        self.close_second()
        self._tell(AnswerLooked(id=self.id, by=PERSON, after=0, rows=3))
        self._ask_for_it(f"search/{self.id}")

    def _tell(self, event: SearchEvent) -> None:
        self.apply(facts=(search_fact(event, self.state.sequence + 1),))

    def _of(self) -> str:
        return f"search/{self.id}"

    def _own_members(self, proof: Callable[[int], list[str]]) -> dict[str, bytes]:
        second = self.facts[leaf_hash(search_run_fact(self.header)).hex()]
        question = QuestionOpened(salt=self.salt.hex(), question=self.question.decode(), reason=self.reason)
        run = ProvedRun(header=self.header, second=second, proof=proof(second.entry))
        return {
            ROWS: b"".join(line + b"\n" for line in self.lines),
            QUESTION: encode(question),
            RUN: encode(run),
        }

    def _entries(self) -> tuple[int, ...]:
        return (0, self.authority)

    def _is_wanted(self, fact: Mapping[str, Any]) -> bool:
        return fact.get("id") == self.id or fact.get("of") == self._of()


class PackedCustody(PackedAnswer):
    """A gateway's life with a question to what left in bulk, which the recipient's custody answered."""

    def _live(self) -> None:
        document = documents.example("authority")
        document["search"] = {"questions": ["plate"], "max_age": "P7D", "answer_retention": "P1D"}
        self.authority = self.document(document, documents.CT_OFFICES)
        self.close_second()
        sent = self.decide(9, released=4, withheld=5)
        self.close_second()
        sent += self.decide(7, released=2, withheld=5)
        self.close_second()
        self.batches_sent = list(read_batches(io.BytesIO(sent)))
        first, second = self.batches_sent
        self.places = [(first, 1), (first, 3), (second, 0)]
        self.lines = [batch.lines[index] for batch, index in self.places]
        self._answer(document["authority"]["name"])
        wrong = ErratumRow(feed=FEED, corrects=2, until_us=self.at_us, read=True, search=self.id)
        told = ErratumSent(id="e" * 24, number=3, row=1, vehicle="a" * 24, rows=(wrong,))
        self.apply(facts=(erratum_fact(told, self.state.sequence + 1),))

    def _own_members(self, proof: Callable[[int], list[str]]) -> dict[str, bytes]:
        members = super()._own_members(proof)
        for number, (batch, index) in enumerate(self.places, 1):
            [way] = row_ways(batch, [index])
            second = self.facts[leaf_hash(release_fact(batch.header)).hex()]
            row = ProvedRow(
                header=way.header,
                row=way.row,
                index=way.index,
                path=way.path,
                second=second,
                proof=proof(second.entry),
            )
            members[row_name(number)] = encode(row)
        return members

    def about(self) -> dict[str, Any]:
        return {**super().about(), "form": LATEST}

    def _is_wanted(self, fact: Mapping[str, Any]) -> bool:
        return super()._is_wanted(fact) or fact["kind"] == "erratum"


def forged(data: bytes, change: Callable[[dict[str, bytes]], object]) -> bytes:
    """Return a pack with other members, whose archive, manifest and sums agree with them again: whoever forges can."""
    members = dict(read_archive(data).members)
    about = {
        name: value
        for name, value in msgspec.json.decode(members[MANIFEST]).items()
        if name not in ("kind", "members")
    }
    change(members)
    rest = {name: one for name, one in members.items() if name not in (MANIFEST, SUMS)}
    return write_archive(with_manifest(rest, about))
