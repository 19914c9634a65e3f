"""The special parts of a release's rows: references, images, hits.

Rows have them beside the fields of all rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec
import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from wicketgate.base.clock import rfc3339
from wicketgate.commits.cameras import Camera
from wicketgate.commits.hits import Sighting
from wicketgate.commits.state import State
from wicketgate.commits.transactions import HitImaged, HitRaised
from wicketgate.feeds.rendering import IMAGE_FIELDS, Rendering, Shown, with_members
from wicketgate.gate.decide import Release
from wicketgate.gate.tables import GateTables
from wicketgate.hotlists import TEXTS, Entry, ListedRows
from wicketgate.hotlists.hits import due_us
from wicketgate.hotlists.journeys import impossible
from wicketgate.reads.columns import ReadBatch
from wicketgate.reads.images.references import StoredImage, make_ref
from wicketgate.reads.keys import CONTENT, DIGEST, JoinedKeys

_REF_BYTES = 12
REF: Final = 2 * _REF_BYTES
"""Characters of a reference."""
_PERSON: Final = b"wicketgate ref"
_KEY: Final = np.dtype([("at", f"V{CONTENT - DIGEST}"), ("digest", f"V{DIGEST}")])
_JOURNEY = frozenset({"place", "time"})
_NOT_SHOWN = frozenset({"nim", "pnc_id"})  # codes of other systems, of no use to who looks at the hit


@dataclass(frozen=True, slots=True)
class PlainRows:
    """Rows that show fields of their reads and nothing else: most rows, and made as columns.

    Attributes
    ----------
    rows : (r,) intp
        Which reads of the rendering; ascending, none twice.
    late : (r,) bool
        Which rows came late.
    refs : bytes, optional
        The reference of each row, joined, where images of its read may follow.
    """

    rendering: Rendering
    shown: Shown
    rows: NDArray[np.intp]
    late: NDArray[np.bool_]
    refs: bytes | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def more(self) -> list[str] | None:
        """Return the further members of each row, each behind a comma; None where they have none."""
        if self.refs is None:
            return None
        refs = self.refs.decode()
        return [f',"ref":"{refs[at : at + REF]}"' for at in range(0, len(refs), REF)]

    def reads(self) -> list[str]:
        """Return the JSON object of each row's read."""
        reads = self.rendering.reads(self.shown)
        return [reads[row] for row in self.rows.tolist()]


@dataclass(slots=True)
class Rows:
    """The rows of one feed's batch, and their news for the fold.

    They are `plain`, or `reads` with what stands beside each.

    Attributes
    ----------
    images : int
        How many images the rows name.
    shown : list of (r,) intp
        The read of each row, in the order of the rows, by its row in what the transaction takes.
    """

    plain: PlainRows | None = None
    reads: list[str] = field(default_factory=list)
    late: list[bool] = field(default_factory=list)
    more: list[str] | None = None
    again: int = 0
    images: int = 0
    shown: list[NDArray[np.intp]] = field(default_factory=list)
    hits: list[HitRaised] = field(default_factory=list)
    imaged: list[HitImaged] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.reads) if self.plain is None else len(self.plain)

    def add(self, rows: PlainRows) -> None:
        """Append plain rows."""
        if len(self):
            self.spell()
            self._append(rows)
        else:
            self.plain = rows

    def spell(self) -> None:
        """Turn plain rows into `reads`, for others to stand behind them."""
        rows, self.plain = self.plain, None
        if rows is not None:
            self._append(rows)

    def _append(self, rows: PlainRows) -> None:
        self.reads += rows.reads()
        self.late += rows.late.tolist()
        more = rows.more()
        if more is not None and self.more is None:
            self.more = [""] * (len(self.reads) - len(rows))
        if self.more is not None:
            self.more += more or [""] * len(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateAt:
    """The state at a decision's moment, and the gate's tables from it."""

    state: State
    standing: GateTables
    at_us: int


@dataclass(frozen=True, slots=True)
class _Images:
    """One authority's view of a read's images.

    It has the members of the row, and the references.
    """

    members: str
    patch: str | None
    overview: str | None

    @property
    def count(self) -> int:
        return (self.patch is not None) + (self.overview is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """One read of a batch in one authority's row."""

    batch: ReadBatch
    row: int
    ref: str
    images: _Images
    again: bool


class RowMaker:
    """The maker of releases' rows.

    Parameters
    ----------
    secret : bytes
        Of the deployment: references say nothing about a read to whoever does not have it.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._ciphers: dict[str, Callable[[bytes], bytes]] = {}

    def rows(
        self,
        release: Release,
        rendering: Rendering,
        batch: ReadBatch,
        moment: StateAt,
        into: Rows,
        places: NDArray[np.intp] | None = None,
    ) -> None:
        """Append a release's rows to the batch of its feed.

        Rows that come again are left out where the authority shows no image of them: they were released before.

        Parameters
        ----------
        places : (n,) intp, optional
            Which row of what the transaction takes each read of `batch` is; its own where it is left out.
        """
        fields = release.fields
        placed = release.reference in moment.standing.placing
        shown = rendering.shown(fields, placed=placed)
        images = [column for field_name, column in IMAGE_FIELDS.items() if field_name in fields]
        if not images and rendering.again and release.hits is None:
            return
        # The camera's own fields come with the field `place` alone: they stand in `reads` if they may.
        columns = {column: getattr(batch, column) for column in images}
        name = moment.standing.names[release.reference]
        if release.hits is None and not rendering.again and not any(map(any, columns.values())):
            refs = self.refs(name, batch.key, release.rows) if images else None
            into.add(PlainRows(rendering, shown, release.rows, release.late, refs))
            into.shown.append(release.rows if places is None else places[release.rows])
            return
        rows = release.rows.tolist()
        late = release.late.tolist()
        reads = rendering.reads(shown)
        into.spell()
        if into.more is None:
            into.more = [""] * len(into.reads)
        named = self.refs(name, batch.key, release.rows).decode()
        kept: list[int] = []
        for at, row in enumerate(rows):
            again = bool(batch.again[row])
            found = self._images(name, {column: values[row] for column, values in columns.items()})
            if again and not found.members:
                continue
            kept.append(row)
            into.images += found.count
            ref = named[REF * at : REF * (at + 1)]
            members = f',"ref":"{ref}"'
            if again:
                members += ',"again":true'
                into.again += 1
            if release.hits is not None and release.which is not None:
                one = _Shown(batch=batch, row=row, ref=ref, images=found, again=again)
                members += _hit(release, at, one, moment, into)
            into.reads.append(with_members(reads[row], found.members))
            into.late.append(late[at])
            into.more.append(members)
        some = np.array(kept, np.intp)
        into.shown.append(some if places is None else places[some])

    def refs(self, name: str, keys: Sequence[bytes], rows: NDArray[np.intp]) -> bytes:
        """Return one authority's name for each of some reads, `REF` bytes each, joined.

        It is the same whenever the read comes, and another for each authority.

        Parameters
        ----------
        keys : sequence of bytes
            The keys of all reads of the batch (docs/spec/repeats.md).

        Notes
        -----
        The authority's own block cipher over the digests of all rows at once; a key by the rule of versions up to 0.3
        by BLAKE2b, as they did.
        """
        if not isinstance(keys, JoinedKeys):
            some = [keys[row] for row in rows.tolist()]
            if any(len(key) != CONTENT for key in some):
                return b"".join([self._ref(name, key) for key in some])
            keys, rows = JoinedKeys(b"".join(some)), np.arange(len(some))
        digests = np.frombuffer(keys.joined, _KEY)["digest"][rows]
        return self._encrypted(name, digests.tobytes())

    def _ref(self, name: str, key: bytes) -> bytes:
        if len(key) == CONTENT:
            return self._encrypted(name, key[CONTENT - DIGEST :])
        keyed = hashlib.blake2b(key=self._secret, digest_size=_REF_BYTES, person=_PERSON)
        keyed.update(name.encode() + b"\0" + key)
        return keyed.hexdigest().encode()

    def _encrypted(self, name: str, digests: bytes) -> bytes:
        encrypted = np.frombuffer(self._cipher(name)(digests), np.uint8).reshape(-1, DIGEST)
        return encrypted[:, :_REF_BYTES].tobytes().hex().encode()

    def _cipher(self, name: str) -> Callable[[bytes], bytes]:
        found = self._ciphers.get(name)
        if found is None:
            key = hashlib.blake2b(name.encode(), key=self._secret, digest_size=32, person=_PERSON).digest()
            cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - each block is a read's digest, once
            found = self._ciphers[name] = cipher.encryptor().update
        return found

    def _images(self, name: str, texts: Mapping[str, str | None]) -> _Images:
        members: list[str] = []
        refs: dict[str, str | None] = {"patch": None, "overview": None}
        for column, text in texts.items():
            if text is None:
                continue
            stored = StoredImage.parse(text)
            ref = refs[column] = make_ref(self._secret, name, stored.name)
            members.append(
                f'"{column}_image":{{"ref":"{ref}","sha256":"{stored.sha256}",'
                f'"type":"{stored.media_type}","bytes":{stored.size}}}'
            )
        return _Images(",".join(members), refs["patch"], refs["overview"])


def _hit(release: Release, at: int, shown: _Shown, moment: StateAt, into: Rows) -> str:
    """Return the member `hit` of row `at`.

    The hit is raised, or the one that was raised gets its image.
    """
    hits, which = release.hits, release.which
    assert isinstance(hits, ListedRows)
    assert which is not None
    entry, exact = hits.entries[which[at]], bool(hits.exact[which[at]])
    state, standing, at_us = moment.state, moment.standing, moment.at_us
    name = standing.names[release.reference]
    seen = [
        *state.sightings.get(name, {}).get(entry.voi, []),
        *(
            Sighting(hit.id, hit.place, hit.taken_us, hit.quality == "exact")
            for hit in into.hits
            if hit.voi == entry.voi
        ),
    ]
    ref, images = shown.ref, shown.images
    known = ref in state.open_hits or any(before.hit == ref for before in seen)
    camera = int(shown.batch.camera[shown.row])
    place, taken_us = standing.places[camera], int(shown.batch.captured_us[shown.row])
    clone = impossible(seen, standing.positions.get(place), taken_us, standing.positions)
    if clone and not release.fields >= _JOURNEY:
        clone = "two reads that no one vehicle can have made"  # how far and how long would say where and when
    waiting = state.open_hits.get(ref)
    due = due_us(entry.priority, at_us) if waiting is None else waiting.due_us
    quality: Literal["exact", "possible"] = "exact" if exact else "possible"
    if shown.again and known:
        into.imaged.append(HitImaged(hit=ref, patch=images.patch, overview=images.overview))
    else:
        into.hits.append(
            HitRaised(
                id=ref,
                authority=name,
                version=int(release.reference.rpartition("@")[2]),
                seq=state.feeds[name].rows + len(into.reads) + 1,
                voi=entry.voi,
                kind=entry.kind,
                priority=entry.priority,
                quality=quality,
                raised_us=at_us,
                due_us=due,
                place=place,
                taken_us=taken_us,
                listed=entry.plate,
                late=bool(release.late[at]),
                clone=clone,
                patch=images.patch,
                overview=images.overview,
                entry=_shown(entry),
                **_allowed(
                    shown.batch,
                    shown.row,
                    release.fields,
                    state.cameras[camera],
                    placed=release.reference in standing.placing,
                ),
            )
        )
    member = {
        "id": ref,
        "voi": entry.voi,
        "quality": quality,
        "kind": entry.kind,
        "priority": entry.priority,
        "due": rfc3339(due),
    }
    if clone:
        member["clone"] = True
    return f',"hit":{json.dumps(member, separators=(",", ":"), ensure_ascii=False)}'


def _shown(entry: Entry) -> dict[str, str]:
    texts = ((member, getattr(entry, member)) for member in ("reason", *TEXTS) if member not in _NOT_SHOWN)
    return {member: text for member, text in texts if text}


def _allowed(
    batch: ReadBatch, row: int, fields: frozenset[str], camera: Camera, *, placed: bool
) -> dict[str, Any]:
    """Return the part of a read open to a hit by an authority's fields."""
    shown: dict[str, Any] = {}
    if "plate" in fields:
        confidence = float(batch.confidence[row])
        shown["plate"] = batch.plate[row]
        shown["confidence"] = None if np.isnan(confidence) else confidence
        marks = batch.marks[row]
        shown["marks"] = () if marks is None else tuple(msgspec.json.decode(marks))
    if "time" in fields:
        shown["captured_us"] = int(batch.captured_us[row])
    if "place" in fields:
        shown |= {
            "source": camera.source,
            "camera": camera.id,
            "lane": batch.lane[row],
            "direction": batch.direction[row],
        }
        if placed:  # without it, as in a row, the camera's id alone
            shown |= {
                "camera_name": camera.shown_name,
                "latitude": camera.latitude,
                "longitude": camera.longitude,
                "heading": camera.heading,
            }
    if "vehicle" in fields:
        shown["vehicle"] = batch.vehicle[row]
    return shown
