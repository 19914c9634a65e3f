"""The rows of an answer: what the history found and the single decision lets be shown, as lines with salts."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from wicketgate.base.clock import SECOND_US
from wicketgate.base.distances import could_not_go
from wicketgate.base.errors import InputError
from wicketgate.base.periods import Period, add
from wicketgate.commits.cameras import Camera
from wicketgate.feeds.rendering import IMAGE_FIELDS, Rendering, with_members
from wicketgate.gate.answers import FoundRead, ShownRow, shown_rows
from wicketgate.gate.single import Decider, Search
from wicketgate.gate.tables import CameraTexts
from wicketgate.gateway.searching.store import StoredRow
from wicketgate.history.messages import place_of
from wicketgate.history.questions import Question
from wicketgate.ledger import merkle
from wicketgate.ledger.facts import SALT_BYTES
from wicketgate.reads.columns import ReadBatch
from wicketgate.reads.images.references import StoredImage, make_ref

JOURNEY: Final = frozenset({"plate", "place", "time"})
"""Fields without which it is not said that one vehicle cannot have made two reads: it would say where and when."""
_FOREVER_US: Final = 1 << 61


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTerms:
    """By what the rows of an answer are decided: the law as it stands when the answer is made.

    Attributes
    ----------
    reference : str
        The authority, `name@version`.
    refs : str
        Whose its references to images are (`refs_of`): this answer's, and good for no other.
    placed : bool
        Whether it shows names and positions of cameras.
    at_us : int
        The moment of the decision.
    to : int or None
        Reads of later transactions are left out.
    retention : mapping of int to Period
        By camera number how long its source keeps reads.
    secret : bytes
        Of the deployment, for references to images.
    """

    question: Question
    decider: Decider
    use: Search
    reference: str
    refs: str
    placed: bool
    at_us: int
    to: int | None
    retention: Mapping[int, Period]
    cameras: Sequence[Camera]
    secret: bytes


class FoundPage(NamedTuple):
    """A page of what the history found, and which of its rows may be shown."""

    table: pa.Table
    rows: list[ShownRow]

    def plates(self) -> list[str]:
        """Return the plate of each row that may be shown."""
        plates = _values(self.table, "plate")
        return [plates[row.number] for row in self.rows]


def decided(table: pa.Table, terms: AnswerTerms) -> FoundPage:
    """Return which rows of a page may be shown. Some µs a row; runs in any thread."""
    captured, cameras = _values(table, "captured_us"), _values(table, "camera")
    found = (FoundRead(camera, captured_us) for camera, captured_us in zip(cameras, captured, strict=True))
    rows = shown_rows(terms.decider, terms.reference, found, terms.at_us, terms.use, terms.retention)
    if terms.to is None:
        return FoundPage(table, list(rows))
    taken = [place_of(number)[0] <= terms.to for number in _values(table, "read_id")]
    return FoundPage(table, [row for row in rows if taken[row.number]])


def scenes_seen(
    page: FoundPage, terms: AnswerTerms, seen: dict[str, int], cameras: Sequence[Collection[int]]
) -> None:
    """Note in which scenes each vehicle was seen by rows that may be shown, as bits."""
    captured, numbers = _values(page.table, "captured_us"), _values(page.table, "camera")
    for row, plate in zip(page.rows, page.plates(), strict=True):
        at_us, camera = captured[row.number], numbers[row.number]
        for n, (scene, looked) in enumerate(zip(terms.question.scenes, cameras, strict=True)):
            if scene.from_us <= at_us < scene.until_us and camera in looked:
                seen[plate] = seen.get(plate, 0) | 1 << n


class _Seen(NamedTuple):
    seq: int
    captured_us: int
    position: tuple[float, float]


class AnswerRows:
    """The rows of one answer, made page by page in the order of time.

    Parameters
    ----------
    only : collection of str, optional
        The plates that are meant, where that is known only now: of scenes.
    """

    def __init__(self, terms: AnswerTerms, only: Collection[str] | None = None) -> None:
        self._terms = terms
        self._only = only
        self._asked = frozenset(terms.question.plates)
        self._texts = CameraTexts(terms.cameras, placed=False), CameraTexts(terms.cameras, placed=True)
        self._last: dict[str, _Seen] = {}
        self.leaves: list[bytes] = []
        self.plates: set[str] = set()
        self.fields: frozenset[str] = frozenset()

    @property
    def root(self) -> str:
        """The tree hash over the rows, hexadecimal."""
        return merkle.root(self.leaves).hex()

    def take(self, page: FoundPage) -> list[StoredRow]:
        """Return the rows of a page as they are stored. Runs in any thread; 10 µs a row."""
        shown = page.rows
        if self._only is not None:
            kept = [plate in self._only for plate in page.plates()]
            shown = [row for row, keep in zip(shown, kept, strict=True) if keep]
        if not shown:
            return []
        self.fields = shown[0].fields
        batch, read_ids = _batch(page.table.take([row.number for row in shown]))
        lines = list(self._lines(batch))
        leaves = merkle.leaf_hashes(lines)
        self.leaves += leaves
        self.plates.update(batch.plate)
        return [
            StoredRow(line, leaf, read, self._end_us(camera, captured_us))
            for line, leaf, read, camera, captured_us in zip(
                lines, leaves, read_ids, batch.camera.tolist(), batch.captured_us.tolist(), strict=True
            )
        ]

    def _lines(self, batch: ReadBatch) -> Iterator[bytes]:
        terms = self._terms
        rendering = Rendering(batch, *self._texts)  # type: ignore[arg-type]
        reads = rendering.reads(rendering.shown(self.fields, placed=terms.placed))
        salts = ssl.RAND_bytes(SALT_BYTES * len(batch)).hex()
        width = 2 * SALT_BYTES
        for row, read in enumerate(reads):
            seq = len(self.leaves) + row + 1
            text = with_members(read, self._images(batch, row))
            yield (
                f'{{"seq":{seq},"salt":"{salts[width * row : width * (row + 1)]}",'
                f'"authority":"{terms.reference}","read":{text}{self._beside(batch, row, seq)}}}'
            ).encode()

    def _images(self, batch: ReadBatch, row: int) -> str:
        members = []
        for shown_by, column in IMAGE_FIELDS.items():
            text = getattr(batch, column)[row] if shown_by in self.fields else None
            if text is not None:
                stored = StoredImage.parse(text)
                ref = make_ref(self._terms.secret, self._terms.refs, stored.name)
                members.append(
                    f'"{column}_image":{{"ref":"{ref}","sha256":"{stored.sha256}",'
                    f'"type":"{stored.media_type}","bytes":{stored.size}}}'
                )
        return ",".join(members)

    def _beside(self, batch: ReadBatch, row: int, seq: int) -> str:
        """Return what stands beside the read: whether its plate was asked for, and whether one vehicle can be."""
        found = ""
        if self._asked and "plate" in self.fields:
            found = f',"quality":"{"exact" if batch.plate[row] in self._asked else "possible"}"'
        if not self.fields >= JOURNEY:
            return found
        camera, plate = self._terms.cameras[int(batch.camera[row])], batch.plate[row]
        if camera.latitude is None or camera.longitude is None:
            return found
        here = _Seen(seq, int(batch.captured_us[row]), (camera.latitude, camera.longitude))
        before = self._last.get(plate)
        self._last[plate] = here
        if before is not None and could_not_go(
            before.position, here.position, (here.captured_us - before.captured_us) / SECOND_US
        ):
            found += f',"impossible":{{"from":{before.seq}}}'
        return found

    def _end_us(self, camera: int, captured_us: int) -> int:
        try:
            return add(captured_us, self._terms.retention[camera])
        except InputError:  # beyond the calendar
            return _FOREVER_US


def _values(table: pa.Table, name: str) -> list[Any]:
    return table.column(name).to_pylist()


def _batch(table: pa.Table) -> tuple[ReadBatch, list[int]]:
    """Return rows of a history as reads, and their ids."""
    columns = {name: _values(table, name) for name in table.column_names}
    size = table.num_rows

    def said(name: str) -> list[str | None]:
        return [text or None for text in columns[name]]

    captured_us = np.array(columns["captured_us"], np.int64)
    batch = ReadBatch(
        camera=np.array(columns["camera"], np.int32),
        captured_us=captured_us,
        received_us=captured_us + np.array(columns["waited_s"], np.int64) * SECOND_US,
        plate_key=np.zeros(size, np.uint64),
        plate=columns["plate"],
        confidence=np.array([np.nan if one is None else one for one in columns["confidence"]], np.float64),
        lane=said("lane"),
        direction=said("direction"),
        vehicle=said("vehicle"),
        key=[b""] * size,
        patch=said("patch"),
        overview=said("overview"),
        marks=said("marks"),
        again=np.zeros(size, np.bool_),
    )
    return batch, columns["read_id"]
