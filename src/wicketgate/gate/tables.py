"""Make the tables by which the gate decides, of the authorities as they stand at a moment. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wicketgate.base.byte_columns import TextTable
from wicketgate.base.clock import DAY_US, HOUR_US
from wicketgate.base.errors import WicketgateError
from wicketgate.base.hours import both, windows
from wicketgate.commits.cameras import Camera, in_scope
from wicketgate.commits.state import FOREVER_US
from wicketgate.gate.single import AuthorityTerms
from wicketgate.gate.terms import StopReason, Table, Terms, compile_table
from wicketgate.regime.documents.authority import Authority, MatchTerms
from wicketgate.regime.documents.fields import shows_position
from wicketgate.regime.documents.unlisted_terms import UnlistedTerms
from wicketgate.regime.fold import Named, Version
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.standing import ends, in_force_from

FAR_US = 1 << 61
"""Beyond every capture, before and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTables:
    """The gate's tables, and the time until they change.

    Attributes
    ----------
    table : Table
        One bit for the version of each authority that counts.
    names : mapping of str to str
        For each `name@version` in the table the name of its feed.
    listing : mapping of str to MatchTerms or UnlistedTerms
        For the reference of each that has a hotlist what that may hold, and when it may be relied on.
    camera_json : TextTable
        For each camera number what `feeds.rendering.Rendering` shows of it: its id.
    placed_json : TextTable
        The same with its name and position.
    placing : frozenset of str
        The references of the authorities that show name and position.
    places : tuple of str
        For each camera number `source/camera`.
    positions : mapping of str to (latitude, longitude)
        Of the cameras whose position is known, by `source/camera`.
    holds_until_us : int
        When another version may take effect, or the hours must be computed further.
    covers_from_us : int
        Captures before this are outside the hours that were computed.
    revision : int
        The state's revision that it was made of.
    full : frozenset of str
        The feeds that were full.
    most_together : int
        The most authorities that one camera's read may be released to: what bounds the rows of a transaction.
    """

    table: Table
    names: dict[str, str]
    listing: Mapping[str, MatchTerms | UnlistedTerms]
    camera_json: TextTable
    placed_json: TextTable
    placing: frozenset[str]
    places: tuple[str, ...]
    positions: dict[str, tuple[float, float]]
    holds_until_us: int
    covers_from_us: int
    revision: int
    full: frozenset[str]
    most_together: int


def tables_at(
    moment: RegimeAt,
    cameras: Sequence[Camera],
    full: Set[str],
    *,
    revision: int = 0,
    earliest_us: int | None = None,
    only: Set[str] | None = None,
) -> GateTables:
    """Return the tables for decisions from a moment on.

    Parameters
    ----------
    cameras : sequence of Camera
        The register of cameras, by number.
    full : set of str
        Names whose feeds are full: they refuse with `feed-full`.
    revision : int
        The revision of the state of which regime and cameras are.
    earliest_us : int, optional
        The earliest capture to be decided: reads that waited while the gateway was away may be older than any that
        are taken now.
    only : set of str, optional
        The names of the authorities that are wanted, for a decision of one read: then nothing is made of how cameras
        are shown (`CameraTexts`), which takes longest.

    Notes
    -----
    O(authorities x cameras). Edges of validity, review and hours inside the term of the tables are exact to the
    microsecond: the gate looks at them itself.
    """
    at_us, limits = moment.at_us, moment.charter.limits
    reach_us = limits.too_old_us + limits.clock_ahead_us
    holds_until_us = at_us + DAY_US
    covers_from_us = min(at_us - reach_us - HOUR_US, at_us if earliest_us is None else earliest_us)
    terms: list[Terms] = []
    names: dict[str, str] = {}
    listing: dict[str, MatchTerms | UnlistedTerms] = {}
    placing: set[str] = set()
    for name, named in moment.regime.authorities.items():
        if only is not None and name not in only:
            continue
        number = moment.current(named)
        version = named.versions[number]
        authority = moment.authority(version)
        for later in named.versions[number:]:
            begins_us = in_force_from(later, moment.authority(later))
            if begins_us > at_us:
                holds_until_us = min(holds_until_us, begins_us)
        if authority.mode == "search":
            continue  # it answers questions, and lets nothing go by itself
        ended_us = authority.valid_until_us if version.revoked_us is None else version.revoked_us
        if at_us > ended_us + reach_us:
            continue  # no read that it ever covered can still come
        stopped = _stopped(named, version, moment.regime.is_unwitnessed(authority.mode), name in full)
        span = (covers_from_us, at_us + 2 * DAY_US)
        terms.append(_terms(in_scope(cameras, authority, version.cap), version, authority, span, stopped))
        names[authority.reference] = name
        if shows_position(authority.log):
            placing.add(authority.reference)
        terms_of_list = authority.unlisted or authority.match
        if terms_of_list is not None:
            listing[authority.reference] = terms_of_list
    table = compile_table(terms, len(cameras))
    said = cameras if only is None else ()
    return GateTables(
        table=table,
        names=names,
        listing=listing,
        camera_json=TextTable(shown_camera(camera) for camera in said),
        placed_json=TextTable(shown_camera(camera, placed=True) for camera in said),
        placing=frozenset(placing),
        places=tuple(f"{camera.source}/{camera.id}" for camera in said),
        positions=_positions(said),
        holds_until_us=holds_until_us,
        covers_from_us=covers_from_us,
        revision=revision,
        full=frozenset(full),
        most_together=int(np.bitwise_count(table.camera_words).sum(axis=0, dtype=np.intp).max()),
    )


def _positions(cameras: Sequence[Camera]) -> dict[str, tuple[float, float]]:
    return {
        f"{camera.source}/{camera.id}": (camera.latitude, camera.longitude)
        for camera in cameras
        if camera.latitude is not None and camera.longitude is not None
    }


class CameraTexts:
    """What shows each camera, as `GateTables.camera_json` has it of all, made where it is asked for."""

    def __init__(self, cameras: Sequence[Camera], *, placed: bool) -> None:
        self._cameras, self._placed = cameras, placed
        self._made: dict[int, str] = {}

    def __getitem__(self, number: int) -> str:
        text = self._made.get(number)
        if text is None:
            text = self._made[number] = shown_camera(self._cameras[number], placed=self._placed)
        return text


def shown_camera(camera: Camera, *, placed: bool = False) -> str:
    """Return the members that show a camera, as JSON; with its name and position where `placed`."""
    texts = [f'"source":{json.dumps(camera.source)},"camera":{json.dumps(camera.id)}']
    if placed:
        texts.append(f',"camera_name":{json.dumps(camera.shown_name)}')
    if placed and camera.position is not None:
        texts.append(f',"position":{json.dumps(camera.position, separators=(",", ":"))}')
    return "".join(texts)


def terms_at(
    moment: RegimeAt, cameras: Sequence[Camera], name: str, *, captured_us: int, full: bool = False
) -> AuthorityTerms:
    """Return an authority as it stands at a moment, for single decisions (`single`).

    Parameters
    ----------
    name : str
        The authority's; the version that counts then is meant.
    captured_us : int
        The earliest capture to be decided; the latest is two days after the moment.
    full : bool
        Its feed is full.

    Notes
    -----
    O(cameras), and the hours from the capture on: some 1,500 questions to the zone for each year.
    """
    named = moment.regime.authorities[name]
    version = named.versions[moment.current(named)]
    authority = moment.authority(version)
    used = in_scope(cameras, authority, version.cap)
    span = (min(captured_us, moment.at_us), moment.at_us + 2 * DAY_US)
    return AuthorityTerms(
        terms=_terms(
            used,
            version,
            authority,
            span,
            _stopped(named, version, moment.regime.is_unwitnessed(authority.mode), full),
        ),
        search=authority.search if authority.mode == "search" else None,
    )


def _stopped(named: Named, version: Version, unwitnessed: bool, full: bool) -> StopReason | None:
    if version.revoked_us is not None:
        return "revoked"
    if named.suspensions:
        return "suspended"
    if unwitnessed:
        return "unwitnessed"
    return "feed-full" if full else None


def _terms(
    cameras: NDArray[np.bool_],
    version: Version,
    authority: Authority,
    span: tuple[int, int],
    stopped: StopReason | None,
) -> Terms:
    ends_us, ended_by = ends(version, authority)
    valid = (authority.valid_from_us, authority.valid_until_us)
    if authority.mode == "search":
        valid = (-FAR_US, FAR_US)  # its terms bound the age of what it looks back at, and not its validity
    try:
        open_windows = windows(*valid, authority.scope.hours, *span)
        if authority.mode == "search" and authority.search is not None and authority.search.hours:
            open_windows = both(open_windows, windows(*valid, authority.search.hours, *span))
    except WicketgateError:
        # Hours that cannot be computed here (a zone that this machine does not know) refuse everything.
        stopped = stopped or "error"
        open_windows = np.empty((0, 2), dtype=np.int64)
    return Terms(
        reference=authority.reference,
        cameras=cameras,
        windows=open_windows,
        valid_from_us=valid[0],
        valid_until_us=valid[1],
        in_force_from_us=in_force_from(version, authority),
        in_force_until_us=min(ends_us, FOREVER_US),
        ended_by=ended_by,
        stopped_by=stopped,
        fields=frozenset(authority.scope.fields),
        matches=authority.mode == "match",
        withholds=authority.mode == "unlisted",
    )
