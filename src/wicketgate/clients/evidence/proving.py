"""What the members of an evidence pack prove, under one signed checkpoint and nothing else. Pure.

No clock, file or net is reached: what holds today holds in twenty years. docs/spec/evidence.md, section 4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from wicketgate.base.clock import parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError, VerificationError, WicketgateError
from wicketgate.base.signing import parse_canonical
from wicketgate.clients.evidence.answers import (
    answered_rows,
    check_run,
    delay_of,
    question_hash,
    reference,
    released_rows,
)
from wicketgate.clients.evidence.documents import PackedDocuments
from wicketgate.clients.evidence.members import (
    LATEST,
    QUESTION,
    ROWS,
    RUN,
    Manifest,
    ProvedDocument,
    ProvedFact,
    ProvedRow,
    ProvedRun,
    QuestionOpened,
    decode,
    document_name,
    image_name,
    row_name,
)
from wicketgate.clients.evidence.proved import FactProved, PackEvidence, RowProved
from wicketgate.clients.verify.feeds import ReleaseRight
from wicketgate.clients.verify.opened import fact_of_form
from wicketgate.clients.verify.report import Check, Findings
from wicketgate.clients.verify.rows import RowRule, form_fault
from wicketgate.ledger.facts import (
    FactAnswer,
    check_delay,
    check_fact,
    check_kept,
    check_promise,
    release_fact,
    search_run_fact,
    second_entry,
)
from wicketgate.ledger.merkle import leaf_hash, verify_inclusion
from wicketgate.ledger.notes import Checkpoint, NoteVerifier
from wicketgate.regime.documents.authority import Authority

_HEADER = frozenset({"batch", "commit", "authority", "rows", "root", "released_at", "promise"})
_PROMISE = frozenset({"salt", "second", "merge_by", "signature"})
_IMAGES = ("patch_image", "overview_image")


class Proving:
    """The members of one pack, proved kind by kind in their order.

    Parameters
    ----------
    verifier : NoteVerifier
        The log's key, which promises must be signed by.
    checkpoint : Checkpoint
        Signed by that key: everything is proved under it.
    """

    def __init__(
        self,
        members: Mapping[str, bytes],
        manifest: Manifest,
        verifier: NoteVerifier,
        checkpoint: Checkpoint,
    ) -> None:
        self._members = members
        self._manifest = manifest
        self._verifier = verifier
        self._checkpoint = checkpoint
        self.documents = PackedDocuments(checkpoint.origin)
        self.rows: list[RowProved] = []
        self.answer: list[dict[str, Any]] = []
        self.released: list[RowProved] = []
        self._run: dict[str, Any] | None = None
        self._authority: Authority | None = None
        self._question: QuestionOpened | None = None
        self.facts: list[FactProved] = []
        self.images: list[str] = []

    def checks(self) -> list[Check]:
        """Return every check, in their order: each uses what those before it proved."""
        rows = self.check_rows if self._kind == "hit" else self.check_answer
        return [self.check_documents(), rows(), self.check_images(), self.check_facts()]

    # --- documents ----------------------------------------------------------------------------------------

    def check_documents(self) -> Check:
        """Check that each document is in the log, and signed by whom the charter in force then demanded."""
        findings = Findings("documents")
        for name in self._named("documents/"):
            self._try(findings, name, self._take_document)
        if not any(one.kind == "authority" for one in self.documents.proved):
            findings.add("the pack holds no authority that can be checked")
        count = len(self.documents.proved)
        signatures = sum(len(one.signed) for one in self.documents.proved)
        return findings.close(
            f"{count} documents are in the log, each signed by the offices that the charter in force then demanded: "
            f"{signatures} signatures"
        )

    def _take_document(self, name: str, data: bytes) -> None:
        member = decode(data, ProvedDocument)
        if name != document_name(member.entry):
            raise VerificationError(f"it holds entry {member.entry}")
        text = member.text.encode()
        self._demand_entry(member.entry, text, member.proof)
        body = parse_canonical(text)
        if body.get("kind") != "document":
            raise VerificationError(f"entry {member.entry} holds no document")
        self.documents.take(name, member.entry, body)

    # --- rows ---------------------------------------------------------------------------------------------

    def check_rows(self) -> Check:
        """Check each row: in its batch, promised, in the log, and let go by an authority in force."""
        findings = Findings("rows")
        right = ReleaseRight(self.documents.logged, self.documents.parsed)
        for name in self._named("rows/"):
            self._try(findings, name, lambda name, data: self._take_row(name, data, right))
        if not self.rows:
            findings.add("the pack holds no row that can be checked")
        return findings.close(
            f"{len(self.rows)} rows are those of their batches, whose release was promised and is in the log, under an "
            "authority that was in force and lets each member go"
        )

    def _take_row(self, name: str, data: bytes, right: ReleaseRight) -> None:
        member, row = self._proved(data, right)
        again = row.get("again", False)
        if row.get("ref") != self._id or again != (name != row_name(1)):
            raise VerificationError(f"the row is not one of `{self._manifest.of}`")
        self.rows.append(RowProved(name=name, header=member.header, row=row, second=member.second.second))

    def _proved(self, data: bytes, right: ReleaseRight) -> tuple[ProvedRow, dict[str, Any]]:
        """Return a row whose release was promised, is in the log, and lets each member go."""
        member = decode(data, ProvedRow)
        header, line = member.header, member.row.encode()
        promise = header.get("promise")
        if header.keys() != _HEADER or not isinstance(promise, dict) or promise.keys() != _PROMISE:
            raise VerificationError("its header has not the members of a header, or has others")
        authority = self._released(header, right)
        row = _object(line)
        if fault := form_fault(line, row) or RowRule(authority).fault(row):
            raise VerificationError(f"the row {fault}, for `{authority.reference}`")
        if row["authority"] != header["authority"]:
            raise VerificationError("the row names another authority than its batch")
        root, path = bytes.fromhex(header["root"]), [bytes.fromhex(node) for node in member.path]
        if not verify_inclusion(leaf_hash(line), member.index, header["rows"], path, root):
            raise VerificationError("the row is not in its batch")
        self._demand_second(member.second, release_fact(header), member.proof)
        check_kept(header, member.second, _entry_of(member.second))
        captured_us, released_us = _captured(row), parse_rfc3339(header["released_at"])
        ahead_us = self.documents.charter_at(released_us).limits.clock_ahead_us
        if captured_us is not None and captured_us > released_us + ahead_us:
            raise VerificationError("the row was captured after it was released")
        return member, row

    def _released(self, header: Mapping[str, Any], right: ReleaseRight) -> Authority:
        """Return the authority of a promised release, in force at its time."""
        if not isinstance(header["rows"], int) or not isinstance(header["batch"], int):
            raise VerificationError("its header does not count")
        delay_us = check_promise(self._checkpoint.origin, header, self._verifier.public)
        released_us = parse_rfc3339(header["released_at"])
        check_delay(header, delay_us, self._delays(released_us))
        name, version = reference(header["authority"])
        return right.authority("the batch", name, version, released_us)

    def _delays(self, at_us: int) -> set[int]:
        """Return the merge delays of the charters in force at a time, and right before it."""
        return {self.documents.charter_at(one).limits.merge_delay_us for one in (at_us - 1, at_us)}

    # --- an answer ----------------------------------------------------------------------------------------

    def check_answer(self) -> Check:
        """Check the rows of an answer, the run that committed to them, and the question that was asked."""
        findings = Findings("answer")
        right = ReleaseRight(self.documents.logged, self.documents.parsed)
        for name in (RUN, ROWS, QUESTION):
            if name not in self._members:
                findings.add(f"`{name}` is missing")
        if RUN in self._members:
            self._try(findings, RUN, lambda _, data: self._take_run(data, right))
        if ROWS in self._members:
            self._try(findings, ROWS, lambda _, data: self._take_answer(data))
        if QUESTION in self._members:
            self._try(findings, QUESTION, lambda _, data: self._take_question(data))
        self._check_released(findings, right)
        erased = sum("erased" in row for row in self.answer)
        return findings.close(
            f"{len(self.answer)} rows are those of the run in the log, under an authority that was in force and lets "
            f"each member go{f'; {erased} of them are past their term' if erased else ''}"
        )

    @property
    def _is_custody(self) -> bool:
        """Whether the rows are out of a recipient's custody, of what left in bulk."""
        bulk = self._authority is not None and self._authority.mode == "bulk"
        return bulk and self._manifest.form >= LATEST

    def _check_released(self, findings: Findings, right: ReleaseRight) -> None:
        """Check that the release of each row out of a custody is proved: its word alone makes no row."""
        names = self._named("rows/")
        if not self._is_custody:
            for name in names:
                findings.add(f"`{name}`: an answer has no rows of feeds")
            return
        shown = {row_name(n): row for n, row in enumerate(_not_erased(self.answer), 1)}
        for name in sorted({*names} ^ shown.keys()):
            findings.add(f"`{name}`: there is no such row, or the release of one is not proved")
        for name in sorted({*names} & shown.keys()):
            self._try(findings, name, lambda name, data: self._take_released(name, data, shown, right))

    def _take_released(
        self, name: str, data: bytes, shown: Mapping[str, Mapping[str, Any]], right: ReleaseRight
    ) -> None:
        member, row = self._proved(data, right)
        if row != shown[name]:
            raise VerificationError("it proves the release of another row")
        self.released.append(RowProved(name=name, header=member.header, row=row, second=member.second.second))

    def _take_run(self, data: bytes, right: ReleaseRight) -> None:
        member = decode(data, ProvedRun)
        header = member.header
        check_run(header, self._checkpoint.origin, self._verifier.public)
        run_us = parse_rfc3339(header["run_at"])
        check_delay(header, delay_of(header), self._delays(run_us))
        name, version = reference(header["authority"])
        self._authority = right.authority("the run", name, version, run_us)
        self._demand_second(member.second, search_run_fact(header), member.proof)
        if member.second.second != header["promise"]["second"] or header["id"] != self._id:
            raise VerificationError(
                "it is the run of another question, or in another second than was promised"
            )
        self._run = header

    def _take_answer(self, data: bytes) -> None:
        if self._run is None or self._authority is None:
            raise VerificationError("without its run nothing commits to it")
        if self._is_custody:
            self.answer = released_rows(data, self._run)
        else:
            self.answer = answered_rows(data, self._run, RowRule(self._authority).shown)

    def _take_question(self, data: bytes) -> None:
        self._question = decode(data, QuestionOpened)

    def _asked_fault(self) -> str:
        """Return what is wrong with the question, by the facts of it; empty if nothing is."""
        asked = [one.fact for one in self.facts if one.fact["kind"] == "search-asked"]
        runs = [one.fact for one in self.facts if one.fact["kind"] == "search-run"]
        if len(asked) != 1 or len(runs) != 1 or self._question is None or self._run is None:
            return "the facts that the question was asked and run are not in it, each once"
        if question_hash(self._question) != asked[0]["question"]:
            return f"`{QUESTION}`: the fact of the question commits to another one"
        if asked[0].get("authority") != self._run["authority"] or runs[0]["commit"] != self._run["commit"]:
            return "its facts are of another authority or run"
        approved = (one.fact["by"] for one in self.facts if one.fact["kind"] == "search-approved")
        return "whoever asked approved it themselves" if asked[0]["by"] in approved else ""

    # --- facts --------------------------------------------------------------------------------------------

    def check_facts(self) -> Check:
        """Check that each fact is in its second, and is about what the pack is of."""
        findings = Findings("facts")
        for name in self._named("facts/"):
            self._try(findings, name, self._take_fact)
        if self.made is None:
            findings.add("the fact that somebody asked for the pack is not in it")
        if self._kind == "search" and (fault := self._asked_fault()):
            findings.add(fault)
        looks = sum(
            one.fact["kind"] in ("look", "image-read", "images-read", "answer-read") for one in self.facts
        )
        return findings.close(
            f"{len(self.facts)} facts are in the log, {looks} of them looks; when each came the second says"
        )

    def _take_fact(self, name: str, data: bytes) -> None:
        member = decode(data, ProvedFact)
        text = member.fact.encode()
        fact = parse_canonical(text)
        fact_of_form(fact)
        self._demand_second(member.second, text, member.proof)
        if self.facts and (member.second.second, member.second.leaf) <= (
            self.facts[-1].second,
            self.facts[-1].leaf,
        ):
            raise VerificationError("it stands behind a later fact, or twice")
        if not self._concerns(fact):
            raise VerificationError(f"a fact `{fact['kind']}` that is not about `{self._manifest.of}`")
        self.facts.append(
            FactProved(name=name, second=member.second.second, leaf=member.second.leaf, fact=fact)
        )

    def _concerns(self, fact: Mapping[str, Any]) -> bool:
        if self._kind == "search":
            return bool(
                (fact["kind"].startswith(("search-", "answer-")) and fact.get("id") == self._id)
                or (self._manifest.form >= LATEST and _corrects(fact, self._id))
                or (fact["kind"] == "look" and fact["what"] == "search" and fact["of"] == self._id)
                or (fact["kind"] == "look" and fact["what"] == "evidence" and fact["of"] == self._manifest.of)
            )
        names = {row.header["authority"].partition("@")[0] for row in self.rows}
        match fact["kind"]:
            case "hit":
                first = self.rows[0] if self.rows else None
                return (
                    first is not None
                    and fact["hit"] == self._id
                    and fact["authority"] == first.header["authority"]
                    and (fact["seq"], fact["commit"]) == (first.row["seq"], first.header["commit"])
                    and all(fact[one] == first.row["hit"][one] for one in ("voi", "quality"))
                )
            case "outcome":
                return bool(fact["hit"] == self._id)
            case "look" if fact["what"] in ("hit", "hits"):
                return self._id in (fact["of"], *fact.get("items", ()))
            case "look" if fact["what"] == "rows":
                batches = [row.header["batch"] for row in self.rows]
                return fact["of"] in names and any(fact["from"] <= one <= fact["to"] for one in batches)
            case "look":
                return bool(fact["what"] == "evidence" and fact["of"] == self._manifest.of)
            case "image-read":
                return fact["authority"] in names and fact["sha256"] in self._image_sums()
            case "images-read":
                return fact["authority"] in names and not self._image_sums().isdisjoint(fact["images"])
            case _:
                return False

    @property
    def made(self) -> FactProved | None:
        """The fact that the pack was asked for."""
        return next(
            (
                one
                for one in self.facts
                if one.leaf == self._manifest.made and one.fact.get("what") == "evidence"
            ),
            None,
        )

    # --- images -------------------------------------------------------------------------------------------

    def check_images(self) -> Check:
        """Check that each image is one that a row names, byte for byte, and that none is missing."""
        findings = Findings("images")
        named = {image_name(image["sha256"], image["type"]): image["bytes"] for image in self._images_named()}
        there = set(self._named("images/"))
        for name in sorted(there | named.keys()):
            data = self._members.get(name, b"")
            if name not in named:
                findings.add(f"`{name}`: no row names it")
            elif name not in there:
                findings.add(f"`{name}`: a row names it, and it is missing")
            elif hashlib.sha256(data).hexdigest() != name[7:71] or len(data) != named[name]:
                findings.add(f"`{name}`: it is not the image that the row names")
            else:
                self.images.append(name)
        words = (
            f"{len(self.images)} images are those that the rows name" if named else "the rows name no image"
        )
        return findings.close(words)

    def _images_named(self) -> Iterator[Mapping[str, Any]]:
        for row in (*(one.row for one in self.rows), *self.answer):
            yield from (row["read"][one] for one in _IMAGES if one in row.get("read", ()))

    def _image_sums(self) -> set[str]:
        return {image["sha256"] for image in self._images_named()}

    # --- what came of it ----------------------------------------------------------------------------------

    def evidence(self) -> PackEvidence:
        """Return what was proved."""
        return PackEvidence(
            of=self._manifest.of,
            origin=self._checkpoint.origin,
            key=self._verifier.vkey,
            size=self._checkpoint.size,
            root=self._checkpoint.root.hex(),
            documents=tuple(self.documents.proved),
            rows=tuple(self.rows),
            facts=tuple(self.facts),
            images=tuple(self.images),
            made=self.made,
            facts_from=self._manifest.facts_from,
            answer=tuple(self.answer),
            released=tuple(self.released),
            question="" if self._question is None else self._question.question,
            reason="" if self._question is None else self._question.reason,
        )

    # --- the checkpoint -----------------------------------------------------------------------------------

    def _demand_entry(self, entry: int, text: bytes, proof: list[str]) -> None:
        path = [bytes.fromhex(node) for node in proof]
        checkpoint = self._checkpoint
        if not verify_inclusion(leaf_hash(text), entry, checkpoint.size, path, checkpoint.root):
            raise VerificationError(f"entry {entry} is not under the checkpoint of {checkpoint.size} entries")

    def _demand_second(self, second: FactAnswer, fact: bytes, proof: list[str]) -> None:
        if second.leaf != leaf_hash(fact).hex():
            raise VerificationError("the proof is of something else")
        entry = _entry_of(second)
        check_fact(second, leaf_hash(fact), entry)
        self._demand_entry(second.entry, entry, proof)

    @property
    def _kind(self) -> str:
        return self._manifest.of.partition("/")[0]

    @property
    def _id(self) -> str:
        return self._manifest.of.partition("/")[2]

    def _named(self, folder: str) -> list[str]:
        return sorted(name for name in self._members if name.startswith(folder))

    def _try(self, findings: Findings, name: str, take: Callable[[str, bytes], None]) -> None:
        """Take a member, or note what is wrong with it."""
        try:
            take(name, self._members[name])
        except WicketgateError as error:
            findings.add(f"`{name}`: {error.detail}")
        except (KeyError, TypeError, ValueError) as error:
            findings.add(f"`{name}`: it lacks what it must have ({type(error).__name__})")


def _not_erased(rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (row for row in rows if "erased" not in row)


def _corrects(fact: Mapping[str, Any], search: str) -> bool:
    """Return whether a fact says that rows of an answer were found to be wrong."""
    return fact["kind"] == "erratum" and any(row.get("search") == search for row in fact["rows"])


def _entry_of(second: FactAnswer) -> bytes:
    at_us = parse_rfc3339(second.second)
    if rfc3339(at_us) != second.second:
        raise VerificationError("a second that is not written as times are in the log")
    return second_entry(at_us, bytes.fromhex(second.root))


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("a row that is not JSON") from error
    if not isinstance(value, dict) or not isinstance(value.get("read"), dict):
        raise InputError("a row without a read")
    return value


def _captured(row: Mapping[str, Any]) -> int | None:
    text = row["read"].get("captured_at")
    return None if text is None else parse_rfc3339(text)
