"""Hypothesis strategies for reuse: terms, read batches, whole questions to the gate, texts of plates.

Times lie within a few microseconds of one another, and cameras are few, so that edges are hit often.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, product

import numpy as np
from hypothesis import strategies as st

from wicketgate.base.errors import ShapeError
from wicketgate.gate.decide import Looks
from wicketgate.gate.terms import Terms
from wicketgate.hotlists import Entry, Hotlist, ListedRows
from wicketgate.hotlists.unlisted import Withheld
from wicketgate.reads.columns import ReadBatch, filled

EPOCH_US = 1_783_123_200_000_000  # 2026-07-04T00:00:00Z
SPAN_US = 40
FIELDS = ("plate", "time", "place", "vehicle", "patch-image", "overview-image", "keeper")

moments = st.integers(EPOCH_US, EPOCH_US + SPAN_US)
fields = st.frozensets(st.sampled_from(FIELDS), min_size=1)
stops = st.sampled_from(["revoked", "suspended", "error", "feed-full"])

ascii_plates = st.text(string.ascii_uppercase + string.digits, min_size=1, max_size=16)
long_plates = st.text("AB01ÄŁŠ", min_size=1, max_size=16)
plates = ascii_plates | long_plates
"""Plates in normal form, placeholders not excluded."""

plate_texts = st.text(string.ascii_letters + string.digits + " -.·_?ßıÄäАВ１Ａ²", max_size=20) | st.text(
    max_size=70
)
"""What cameras may send."""


LISTS = ("", "matches", "withholds")
"""What a list is for: an authority of mode bulk has none."""


def pairs(values: Iterable[tuple[int, int]]) -> np.ndarray:
    """Return windows as the gate wants them, (w, 2) int64."""
    return np.array(list(values), dtype=np.int64).reshape(-1, 2)


def flags(values: Iterable[bool]) -> np.ndarray:
    """Return cameras as the gate wants them, (n_cameras,) bool."""
    return np.array(list(values), dtype=np.bool_)


def batch_of(rows: Sequence[tuple[int, int, int]], plate: str | Sequence[str] = "AB12CDE") -> ReadBatch:
    """Return a batch of (camera, captured_us, received_us), of one plate or of one for each row."""
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    n = len(rows)
    texts = [plate] * n if isinstance(plate, str) else list(plate)
    return filled(
        camera=columns[:, 0],
        captured_us=columns[:, 1].copy(),
        received_us=columns[:, 2].copy(),
        plate=texts,
        confidence=np.ones(n),
        key=[bytes(20)] * n,
    )


def rows_of(batch: ReadBatch, order: Sequence[int]) -> ReadBatch:
    """Return some rows of a batch, in an order of one's own."""
    columns = {name: getattr(batch, name) for name in ReadBatch.__slots__}
    return ReadBatch(
        **{
            name: column[list(order)] if isinstance(column, np.ndarray) else [column[row] for row in order]
            for name, column in columns.items()
        }
    )


@st.composite
def intervals(draw: st.DrawFn) -> tuple[int, int]:
    """Draw a half-open interval that is not empty."""
    start_us, end_us = sorted(draw(st.lists(moments, min_size=2, max_size=2, unique=True)))
    return start_us, end_us


@st.composite
def windows_within(draw: st.DrawFn, start_us: int, end_us: int) -> np.ndarray:
    """Draw disjoint windows inside an interval; some touch one another or its ends, perhaps none is left."""
    if draw(st.booleans()):
        return pairs([(start_us, end_us)])
    points = draw(st.lists(st.integers(start_us, end_us), unique=True, max_size=6))
    points = sorted({start_us, *points, end_us})
    gaps = pairwise(points)
    return pairs([gap for gap in gaps if draw(st.booleans())])


@st.composite
def sound_terms(
    draw: st.DrawFn,
    reference: str,
    n_cameras: int,
    *,
    stopped: bool = True,
    matching: bool | None = False,
) -> Terms:
    """Draw terms that are consistent; more often in force than not. `matching` None: any mode."""
    valid_from_us, valid_until_us = draw(intervals())
    wide = draw(st.booleans())
    a_list = draw(st.sampled_from(LISTS)) if matching is None else "matches" if matching else ""
    in_force_from_us = EPOCH_US if wide else draw(moments)
    in_force_until_us = EPOCH_US + SPAN_US + 1 if wide else draw(moments)
    return Terms(
        reference=reference,
        cameras=flags(draw(st.lists(st.booleans(), min_size=n_cameras, max_size=n_cameras))),
        windows=draw(windows_within(valid_from_us, valid_until_us)),
        valid_from_us=valid_from_us,
        valid_until_us=valid_until_us,
        in_force_from_us=in_force_from_us,
        in_force_until_us=in_force_until_us,
        ended_by=draw(st.sampled_from(["expired", "review-overdue"])),
        stopped_by=draw(st.none() | st.none() | st.none() | stops) if stopped else None,
        fields=draw(fields),
        matches=a_list == "matches",
        withholds=a_list == "withholds",
    )


def breaks(term: Terms) -> list[Terms]:
    """Return the ways in which sound terms can be made wrong, one fault each."""
    start_us, end_us = term.valid_from_us, term.valid_until_us
    return [
        replace(term, cameras=np.append(term.cameras, True)),
        replace(term, cameras=term.cameras.astype(np.int8)),
        replace(term, cameras=term.cameras[None]),
        replace(term, windows=pairs([(start_us - 1, end_us)])),
        replace(term, windows=pairs([(start_us, end_us + 1)])),
        replace(term, windows=pairs([(start_us, start_us)])),
        replace(term, windows=pairs([(start_us, end_us), (start_us, end_us)])),
        replace(term, windows=pairs([(end_us, start_us)])),
        replace(term, windows=np.zeros((1, 3), dtype=np.int64)),
        replace(term, windows=np.array([start_us, end_us], dtype=np.int64)),
        replace(term, windows=term.windows.astype(np.float64)),
        replace(term, valid_from_us=end_us, windows=pairs([])),
        replace(term, valid_until_us=2**62),
        replace(term, in_force_until_us=2**80),
        replace(term, in_force_from_us=-(2**62)),
        replace(term, ended_by="bored"),
        replace(term, stopped_by="paused"),
        replace(term, fields=frozenset()),
        replace(term, fields=["plate"]),
        replace(term, matches=True, withholds=True),
    ]


@st.composite
def broken_terms(draw: st.DrawFn, reference: str, n_cameras: int, *, matching: bool | None = False) -> Terms:
    """Draw terms with one fault."""
    return draw(st.sampled_from(breaks(draw(sound_terms(reference, n_cameras, matching=matching)))))


@st.composite
def read_batches(draw: st.DrawFn, n_cameras: int, max_rows: int = 8) -> ReadBatch:
    """Draw a batch; a few cameras are unknown, a few reads late or received before their capture."""
    row = st.tuples(st.integers(-1, n_cameras), moments, moments)
    rows = draw(st.lists(row, max_size=max_rows))
    return batch_of(rows, draw(st.lists(listed_plates, min_size=len(rows), max_size=len(rows))))


# --- hotlists ---------------------------------------------------------------------------------------------

LISTED_PLATES = ["".join(letters) for letters in product("B8", "5S", "G6", "Z2")]
listed_plates = st.sampled_from([*LISTED_PLATES, "KLM3"])
"""Sixteen plates that differ from one another by one to four confusions, and one that is like none of them."""


def entry_of(
    plate: str,
    listed_us: int = EPOCH_US,
    until_us: int = EPOCH_US + SPAN_US + 1,
    *,
    voi: str = "",
    kind: str = "murder",
    priority: int = 2,
    **more: str,
) -> Entry:
    """Return an entry; its voi is the plate with a `v` before it, unless another is given."""
    return Entry(
        voi=voi or f"v{plate}",
        plate=plate,
        kind=kind,
        priority=priority,
        reason="wanted",
        listed_us=listed_us,
        until_us=until_us,
        expires_us=until_us,
        **more,
    )


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """Draw an entry that counts for some of the time."""
    listed_us, until_us = draw(intervals() | st.just((EPOCH_US, EPOCH_US + SPAN_US + 1)))
    return entry_of(draw(listed_plates), listed_us, until_us, priority=draw(st.integers(1, 4)))


entry_lists = st.lists(entries(), max_size=5, unique_by=lambda entry: entry.plate)


class BrokenList:
    """A list that cannot be asked."""

    def look(self, *_: object) -> ListedRows:
        """Fail."""
        raise ShapeError("a list that is broken")


@dataclass(frozen=True, slots=True)
class Listed:
    """A list with the entries that it was made of, for those who look at them one by one."""

    entries: tuple[Entry, ...]
    hotlist: Hotlist

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Listed:
        """Return the list of some entries."""
        kept = tuple(entries)
        return cls(kept, Hotlist.of(kept))

    def look(
        self, plate_key: np.ndarray, plate: Sequence[str], captured_us: np.ndarray, at_us: int
    ) -> ListedRows:
        """Ask the real one."""
        return self.hotlist.look(plate_key, plate, captured_us, at_us)


@dataclass(frozen=True, slots=True)
class Withholding(Listed):
    """A list of which nothing leaves, with its entries; that it may be relied on is another matter."""

    def look(  # type: ignore[override]
        self, plate_key: np.ndarray, plate: Sequence[str], captured_us: np.ndarray, at_us: int
    ) -> Withheld:
        """Ask the real one."""
        return Withheld(self.hotlist.listed_rows(plate_key, plate, captured_us, at_us))


def list_for(term: Terms, entries: Iterable[Entry]) -> Listed:
    """Return a list of the kind that an authority has."""
    return (Withholding if term.withholds else Listed).of(entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything that `decide` depends on."""

    terms: tuple[Terms, ...]
    n_cameras: int
    batch: ReadBatch
    at_us: int
    late_after_us: int
    lists: Mapping[str, Looks] = field(default_factory=dict)


@st.composite
def questions(
    draw: st.DrawFn,
    *,
    min_terms: int = 0,
    max_terms: int = 5,
    broken: bool = True,
    matching: bool | None = None,
) -> Question:
    """Draw a question to the gate; with `broken`, some terms and lists are wrong and references may be shared."""
    n_cameras = draw(st.integers(0, 4))
    terms: list[Terms] = []
    for number in range(draw(st.integers(min_terms, max_terms))):
        reference = f"a{number}@1"
        if broken and terms and draw(st.integers(0, 9)) == 0:
            reference = terms[0].reference
        wrong = broken and draw(st.integers(0, 5)) == 0
        made = broken_terms if wrong else sound_terms
        terms.append(draw(made(reference, n_cameras, matching=matching)))
    lists: dict[str, Looks] = {}
    for term in terms:
        kind = draw(st.integers(0, 9)) if broken else 9
        if (term.matches or term.withholds) and kind:
            lists[term.reference] = BrokenList() if kind == 1 else list_for(term, draw(entry_lists))
    return Question(
        terms=tuple(terms),
        n_cameras=n_cameras,
        batch=draw(read_batches(n_cameras)),
        at_us=draw(moments),
        late_after_us=draw(st.integers(0, SPAN_US)),
        lists=lists,
    )


@st.composite
def narrowings(draw: st.DrawFn, term: Terms) -> Terms:
    """Draw sound terms that allow no more than the sound `term` in any respect."""
    kept = draw(st.lists(st.booleans(), min_size=len(term.cameras), max_size=len(term.cameras)))
    valid = _part(draw, term.valid_from_us, term.valid_until_us)
    parts = [
        _part(draw, start_us, end_us) for start_us, end_us in term.windows.tolist() if draw(st.booleans())
    ]
    cut = [(max(start_us, valid[0]), min(end_us, valid[1])) for start_us, end_us in parts]
    in_force_from_us = draw(st.integers(term.in_force_from_us, term.in_force_from_us + 5))
    return replace(
        term,
        cameras=term.cameras & flags(kept),
        windows=pairs([(start_us, end_us) for start_us, end_us in cut if start_us < end_us]),
        valid_from_us=valid[0],
        valid_until_us=valid[1],
        in_force_from_us=in_force_from_us,
        in_force_until_us=draw(st.integers(term.in_force_until_us - 5, term.in_force_until_us)),
        stopped_by=term.stopped_by or draw(st.none() | st.none() | stops),
        fields=draw(st.frozensets(st.sampled_from(sorted(term.fields)), min_size=1)),
    )


def _part(draw: st.DrawFn, start_us: int, end_us: int) -> tuple[int, int]:
    """Draw a part of an interval, not empty."""
    first_us = draw(st.integers(start_us, end_us - 1))
    return first_us, draw(st.integers(first_us + 1, end_us))
