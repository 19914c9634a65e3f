"""The evidence of a hit or an answer: rows with proofs, the documents behind them, what came of it, who looked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import HitRefused
from wicketgate.commits.durable import Durable
from wicketgate.commits.searches import HeldSearch
from wicketgate.feeds.batches import first_row
from wicketgate.feeds.evidence import (
    MOST_FACTS,
    EvidenceFact,
    EvidenceGiven,
    EvidenceQuestion,
    EvidenceRow,
    EvidenceRun,
)
from wicketgate.feeds.feed import Feed
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.gateway.projections import Projections
from wicketgate.hotlists.hits import Hit
from wicketgate.ledger.facts import release_fact, search_run_fact, second_of
from wicketgate.ledger.kept_facts import image_subject
from wicketgate.ledger.merkle import inclusion_ranges, leaf_hash, leaf_hashes, root

_IMAGES: Final = ("patch_image", "overview_image")
_AGAIN_US: Final = 11 * 60 * SECOND_US
"""An image follows its read within ten minutes (docs/spec/images.md), and is decided a moment later."""
_AT_ONCE: Final = 200
_PART: Final = 1 << 20


class EvidenceDesk:
    """Where the evidence of hits and answers is put together."""

    def __init__(self, commits: Durable, projections: Projections, looks: LookFiling) -> None:
        self._commits = commits
        self._projections = projections
        self._looks = looks

    async def of_hit(self, hit: Hit, by: str) -> EvidenceGiven:
        """Return the evidence of a hit, once it is committed that somebody asks for it.

        Raises
        ------
        HitRefused
            `evidence-past-term`, `erased`, `not-due`, `too-large`.
        """
        rows = await self._rows(hit)
        facts = self._facts(hit, rows)
        return await self._given(f"hit/{hit.id}", hit.authority, by, rows=rows, facts=facts)

    async def of_search(self, held: HeldSearch, by: str) -> EvidenceGiven:
        """Return the evidence of an answer that is kept, once it is committed that somebody asks for it.

        Raises
        ------
        HitRefused
            `not-due`, `too-large`.
        """
        asked, header = held.asked, msgspec.json.decode(held.header)
        second = await self._projections.prove(leaf_hash(search_run_fact(header)))
        if second is None:
            due = header["promise"]["merge_by"]
            raise HitRefused(f"the proof of its run follows by {due}", code="not-due")
        question = EvidenceQuestion(
            salt=asked.salt.hex(), question=asked.question.decode(), reason=asked.reason
        )
        return await self._given(
            f"search/{asked.id}",
            asked.authority.partition("@")[0],
            by,
            facts=self._about([f"search/{asked.id}"]),
            question=question,
            run=EvidenceRun(header=header, second=second),
        )

    async def _given(
        self,
        of: str,
        authority: str,
        by: str,
        *,
        facts: list[EvidenceFact],
        rows: Sequence[EvidenceRow] = (),
        question: EvidenceQuestion | UnsetType = UNSET,
        run: EvidenceRun | UnsetType = UNSET,
    ) -> EvidenceGiven:
        kept = self._projections.proofs.facts
        since_us = None if kept is None else kept.since_us()
        made = await self._looks.tell(by, "evidence", of)
        return EvidenceGiven(
            of=of,
            authority=authority,
            rows=list(rows),
            documents=self._documents(authority),
            facts=facts,
            made=made.decode(),
            facts_from=None if since_us is None else rfc3339(since_us),
            question=question,
            run=run,
        )

    # --- rows ---------------------------------------------------------------------------------------------

    async def _rows(self, hit: Hit) -> list[EvidenceRow]:
        feed = self._projections.feeds[hit.authority]
        number = await _batch_with(feed, hit.seq)
        data = None if number is None else await feed.batch(number)
        if number is None or data is None:
            raise HitRefused("the row of this hit is past its term", code="evidence-past-term")
        header, lines = _lines(data)
        rows = [await self._row(header, lines, hit.seq - first_row(data))]
        missing = {hit.patch, hit.overview} - _refs(rows) - {None}
        until_us = parse_rfc3339(header["released_at"]) + _AGAIN_US
        while missing and number < feed.last:
            batches = await feed.batches(number, _AT_ONCE, _PART)
            if not batches:
                break
            for data in batches:
                number += 1
                header, lines = _lines(data)
                if parse_rfc3339(header["released_at"]) > until_us:
                    return rows
                for index, line in enumerate(lines):
                    if f'"ref":"{hit.id}"'.encode() in line:
                        rows.append(await self._row(header, lines, index))
            missing -= _refs(rows)
        return rows

    async def _row(self, header: dict[str, Any], lines: list[bytes], index: int) -> EvidenceRow:
        line = lines[index]
        if b'"erased":' in line[:40]:
            raise HitRefused("the row of this hit was erased", code="erased")
        second = await self._projections.prove(leaf_hash(release_fact(header)))
        if second is None:
            due = header["promise"]["merge_by"]
            raise HitRefused(f"the proof of its release follows by {due}", code="not-due")
        return EvidenceRow(
            header={name: value for name, value in header.items() if name != "sha256"},
            row=line.decode(),
            index=index,
            path=_path(_leaves(lines), index),
            second=second,
        )

    # --- documents and facts ------------------------------------------------------------------------------

    def _documents(self, name: str) -> list[int]:
        state = self._commits.committed
        named = state.regime.authorities[name]
        return sorted(
            {
                *(one.entry for one in state.regime.charters),
                *(one.entry for one in named.versions),
                *(one.entry for one in named.acts),
            }
        )

    def _facts(self, hit: Hit, rows: Iterable[EvidenceRow]) -> list[EvidenceFact]:
        batches = [row.header["batch"] for row in rows]
        images = [image_subject(hit.authority, image["sha256"]) for image in _images(rows)]
        return self._about(
            [f"hit/{hit.id}", f"rows/{hit.authority}", *images], second_of(hit.raised_us), batches
        )

    def _about(
        self, subjects: Sequence[str], from_us: int = 0, batches: Sequence[int] = ()
    ) -> list[EvidenceFact]:
        """Return the facts about some things; of looks at a feed those that some batches were among."""
        kept, found = self._projections.proofs.facts, list[EvidenceFact]()
        for fact, second in () if kept is None else kept.about(subjects, from_us):
            told = msgspec.json.decode(fact)
            if told.get("what") == "rows" and not any(told["from"] <= one <= told["to"] for one in batches):
                continue
            found.append(EvidenceFact(fact=fact.decode(), second=second))
            if len(found) > MOST_FACTS:
                raise HitRefused(f"more than {MOST_FACTS} facts are about it", code="too-large")
        return found


async def _batch_with(feed: Feed, row: int) -> int | None:
    """Return the batch that holds a row of a feed, or None where it is past its term. O(log n) batches are read."""
    low, high = feed.first, feed.last
    while low <= high:
        middle = (low + high) // 2
        data = await feed.batch(middle)
        if data is None:
            low = max(middle + 1, feed.first)  # its term ended meanwhile
            continue
        first, rows = first_row(data), data.count(b"\n") - 1
        if first <= row < first + rows:
            return middle
        low, high = (middle + 1, high) if row >= first + rows else (low, middle - 1)
    return None


def _lines(data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    header, *lines = data.rstrip(b"\n").split(b"\n")
    return msgspec.json.decode(header), lines


def _leaves(lines: list[bytes]) -> list[bytes]:
    leaves = leaf_hashes(lines)
    for at, line in enumerate(lines):
        if b'"erased":' in line[:40]:
            leaves[at] = bytes.fromhex(msgspec.json.decode(line)["erased"])
    return leaves


def _path(leaves: list[bytes], index: int) -> list[str]:
    return [root(leaves[start:end]).hex() for start, end in inclusion_ranges(index, len(leaves))]


def _images(rows: Iterable[EvidenceRow]) -> list[dict[str, Any]]:
    reads = [msgspec.json.decode(row.row)["read"] for row in rows]
    return [read[one] for read in reads for one in _IMAGES if one in read]


def _refs(rows: Iterable[EvidenceRow]) -> set[str | None]:
    return {image["ref"] for image in _images(rows)}
