"""The evidence of a hit: its rows with their proofs, the documents behind them, what came of it, and who looked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import HitRefused
from wicketgate.commits.durable import Durable
from wicketgate.feeds.batches import first_row
from wicketgate.feeds.evidence import MOST_FACTS, EvidenceFact, EvidenceGiven, EvidenceRow
from wicketgate.feeds.feed import Feed
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.gateway.projections import Projections
from wicketgate.hotlists.hits import Hit
from wicketgate.ledger.facts import release_fact, second_of
from wicketgate.ledger.kept_facts import image_subject
from wicketgate.ledger.merkle import inclusion_ranges, leaf_hash, leaf_hashes, root

_IMAGES: Final = ("patch_image", "overview_image")
_AGAIN_US: Final = 11 * 60 * SECOND_US
"""An image follows its read within ten minutes (docs/spec/images.md), and is decided a moment later."""
_AT_ONCE: Final = 200
_PART: Final = 1 << 20


class EvidenceDesk:
    """Where the evidence of hits is put together."""

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
        of = f"hit/{hit.id}"
        made = await self._looks.tell(by, "evidence", of)
        since_us = (
            None if self._projections.proofs.facts is None else self._projections.proofs.facts.since_us()
        )
        return EvidenceGiven(
            of=of,
            authority=hit.authority,
            rows=rows,
            documents=self._documents(hit.authority),
            facts=facts,
            made=made.decode(),
            facts_from=None if since_us is None else rfc3339(since_us),
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
        kept = self._projections.proofs.facts
        if kept is None:
            return []
        batches = [row.header["batch"] for row in rows]
        images = [image_subject(hit.authority, image["sha256"]) for image in _images(rows)]
        subjects = (f"hit/{hit.id}", f"rows/{hit.authority}", *images)
        found = []
        for fact, second in kept.about(subjects, second_of(hit.raised_us)):
            told = msgspec.json.decode(fact)
            if told.get("what") == "rows" and not any(told["from"] <= one <= told["to"] for one in batches):
                continue
            found.append(EvidenceFact(fact=fact.decode(), second=second))
            if len(found) > MOST_FACTS:
                raise HitRefused(f"more than {MOST_FACTS} facts are about this hit", code="too-large")
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
