"""The duty officer's pages: the queue of hits, one hit with its journey, signing in.

They render, and nothing else.

Hits become HTML; no socket, clock or gateway is touched. What a camera, a list or a colleague wrote is escaped. The
pages run under `CONTENT_SECURITY_POLICY`: scripts of our own and nothing from elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import msgspec

from wicketgate.base.clock import rfc3339
from wicketgate.hotlists.hits import Hit
from wicketgate.pages import duty_words as words
from wicketgate.pages.at_work import rendered
from wicketgate.pages.desks import Desk, desks_of
from wicketgate.pages.duty_filter import HitFilter, grouped
from wicketgate.pages.local import local_moment
from wicketgate.pages.phrases import distance
from wicketgate.reads.observations import MARKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A person's session, or one that a unit's token opened.

    Attributes
    ----------
    key : str
        SHA-256 of the session's id.
    unit : str
        Where the officer works: `organisation/unit`, `organisation/office` or `organisation`.
    officer : str
        What pages call them. Opened with a token, it is the name or number that they gave: the unit's word, not
        checked.
    token_sha256 : str
        Which token it was opened with: once that is withdrawn the session is over. Empty where a person signed in.
    kind : {"unit", "office", "organisation"}
        What `unit` is.
    person : str
        Who they are, as facts say it; empty where a token opened it.
    roles : frozenset of str
        What the person may do there; empty where a token opened it.
    present_us : int
        When they last proved that they are there, microseconds.
    zone : str
        The time zone of the place, beside UTC; empty where nothing names one.
    form_key : str
        What each form of this session carries, so that no other site can send one.
    until_us : int
        When it ends, microseconds.
    parent : str
        Of a program that acts for the person: the key of the session in which they let it in, with which it ends. It is
        sent as a bearer token alone, and opens no pages. Empty of a person's own session.
    """

    key: str
    unit: str
    officer: str
    token_sha256: str
    form_key: str
    until_us: int
    kind: str = "unit"
    person: str = ""
    roles: frozenset[str] = frozenset()
    present_us: int = 0
    parent: str = ""
    zone: str = ""

    @property
    def by(self) -> str:
        """What facts and outcomes say of who it is."""
        return f"person:{self.person}" if self.person else self.officer

    @property
    def desks(self) -> tuple[Desk, ...]:
        """The pages that its roles open."""
        return desks_of(self.kind, self.roles, person=bool(self.person))


CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        # Not `no-referrer`: the browser would then send `Origin: null` with a form, and the form be refused.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
)
"""What every page for officers is sent with."""

NOBODY: Mapping[str, str] = MappingProxyType({})
REFRESH_S = 30
"""How often the queue loads itself again in a browser without JavaScript, unless its reader stopped that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The content of the page `/duty`.

    Attributes
    ----------
    hits : sequence of Hit
        The most urgent first.
    confirmable : callable
        Says why a hit cannot be confirmed now, as a code; None where it can.
    more : int
        Hits that wait and are not among `hits`.
    authorities : sequence of (str, str)
        Name and title of the unit's authorities of mode match.
    stopped : sequence of (str, str)
        Name, and how it stands, of those that are stopped.
    ended : sequence of Hit
        The last hits that ended, the newest first.
    marks : mapping
        The tags of those authorities (`views.tags_of`), by name.
    filter : HitFilter
        By which `hits` were chosen.
    fields : sequence of mapping
        Those of its form.
    hidden, hidden_overdue : int
        Hits that wait and that the filter does not show; those of them whose deadline is over.
    names : mapping
        What people are called, by what outcomes say of who said so.
    """

    hits: Sequence[Hit]
    confirmable: Callable[[Hit], str | None]
    authorities: Sequence[tuple[str, str]]
    more: int = 0
    stopped: Sequence[tuple[str, str]] = ()
    ended: Sequence[Hit] = ()
    marks: Mapping[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)
    filter: HitFilter = field(default_factory=HitFilter)
    fields: Sequence[Mapping[str, Any]] = ()
    hidden: int = 0
    hidden_overdue: int = 0
    names: Mapping[str, str] = field(default_factory=dict)


PROVED = "proved"
"""Instead of a refusal's code: the officer was asked to show that it is them, and comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalShown:
    """An outcome that was not recorded: its code, and the officer's words."""

    code: str
    reason: str = ""
    seen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """The last sightings of one vehicle of interest, the newest first.

    It is empty where no place is allowed. `names` has what people are called who said what came of the hit.
    """

    hits: Sequence[Hit] = field(default_factory=tuple)
    allowed: bool = True
    names: Mapping[str, str] = field(default_factory=dict)


def digest(queue: Queue) -> str:
    """Return a digest of the queue, whatever the time.

    It changes when the queue does, however much time goes by.
    """
    state = [
        [
            (hit.id, hit.status, len(hit.outcomes), hit.patch, hit.overview, queue.confirmable(hit))
            for hit in queue.hits
        ],
        [hit.id for hit in queue.ended],
        list(queue.stopped),
        queue.more,
        queue.hidden,
        queue.hidden_overdue,
    ]
    return hashlib.sha256(msgspec.json.encode(state)).hexdigest()[:16]


class DutyPages:
    """The pages for officers.

    Parameters
    ----------
    demonstration : bool
        Put the banner of a demonstration on every page.
    ground : str, optional
        The address of the GeoJSON over which a hit's map is drawn.
    """

    def __init__(self, *, demonstration: bool = False, ground: str | None = None) -> None:
        self._demonstration = demonstration
        self._ground = ground

    def _render(self, template: str, **context: Any) -> str:
        return rendered(template, demonstration=self._demonstration, ground=self._ground, **context)

    def queue(
        self,
        queue: Queue,
        session: Session,
        now_us: int,
        *,
        recorded: Hit | None = None,
        refreshing: bool = True,
    ) -> str:
        """Return the page `/duty`.

        Parameters
        ----------
        recorded : Hit, optional
            The hit whose outcome was recorded just now, by a form.
        refreshing : bool
            Whether it loads itself again where there is no JavaScript.
        """
        return self._render(
            "duty.html",
            **self._queue(queue, session, now_us),
            recorded=None
            if recorded is None
            else view(recorded, now_us, None, zone=session.zone, names=queue.names),
            refreshing=refreshing,
            refresh_s=REFRESH_S,
        )

    def queue_part(self, queue: Queue, session: Session, now_us: int) -> str:
        """Return the queue alone, for its place in the page."""
        return self._render("duty-queue.html", **self._queue(queue, session, now_us))

    def _queue(self, queue: Queue, session: Session, now_us: int) -> dict[str, Any]:
        views = [
            view(
                hit, now_us, queue.confirmable(hit), zone=session.zone, place=place, of=of, names=queue.names
            )
            for hit, place, of in grouped(queue.hits)
        ]
        return {
            "session": session,
            "hits": views,
            "summary": summary(views, queue.more),
            "more": queue.more,
            "digest": digest(queue),
            "authorities": queue.authorities,
            "marked": queue.marks,
            "stopped": queue.stopped,
            "ended": [view(hit, now_us, None, zone=session.zone, names=queue.names) for hit in queue.ended],
            "filter": queue.filter,
            "fields": queue.fields,
            "hidden": queue.hidden,
            "hidden_overdue": queue.hidden_overdue,
            "now": local_moment(now_us, session.zone, seconds=True),
            "now_ms": now_us // 1000,
        }

    def hit(
        self,
        hit: Hit,
        journey: Journey,
        session: Session,
        now_us: int,
        *,
        cannot_confirm: str | None,
        title: str,
        marked: Sequence[Mapping[str, str]] = (),
        refused: RefusalShown | None = None,
    ) -> str:
        """Return the page `/duty/hits/{id}`.

        Parameters
        ----------
        title, marked : str, sequence of mapping
            The authority's title, and its tags (`views.tags_of`).
        refused : RefusalShown, optional
            An outcome that was not recorded.
        """
        zone = session.zone
        sightings = [sighting(one, number, now_us, zone=zone) for number, one in enumerate(journey.hits, 1)]
        return self._render(
            "duty-hit.html",
            session=session,
            one=view(hit, now_us, cannot_confirm, zone=zone, names=journey.names),
            authority_title=title,
            marked=marked,
            sightings=sightings,
            sightings_allowed=journey.allowed,
            points=[
                {key: row[key] for key in ("number", "latitude", "longitude", "label", "this")}
                for row in (row | {"this": row["id"] == hit.id} for row in sightings)
                if row["latitude"] is not None and row["longitude"] is not None
            ],
            refused=refused,
            refusal=words.REFUSED.get(refused.code, "It could not be recorded.") if refused else "",
            now=local_moment(now_us, zone, seconds=True),
            now_ms=now_us // 1000,
        )

    def problem(self, status: int, title: str, detail: str, session: Session | None) -> str:
        """Return the page for an officer's error."""
        return self._render("duty-problem.html", status=status, title=title, detail=detail, session=session)


def summary(views: Sequence[Mapping[str, Any]], more: int = 0) -> str:
    """Return the queue in one sentence, to be read out when it changes.

    `more` hits wait beside those shown.
    """
    if not views:
        return "No hit waits for an answer."
    overdue = sum(view["overdue"] for view in views)
    waiting = len(views) + more
    parts = [f"{waiting} {'hit waits' if waiting == 1 else 'hits wait'} for an answer"]
    if overdue:
        parts.append(f"{overdue} overdue")
    possible = sum(not view["exact"] for view in views)
    if possible:
        parts.append(f"{possible} only possible")
    return ", ".join(parts) + "."


def view(
    hit: Hit,
    now_us: int,
    cannot_confirm: str | None,
    *,
    zone: str = "",
    place: int = 1,
    of: int = 1,
    names: Mapping[str, str] = NOBODY,
) -> dict[str, Any]:
    """Return one hit with the words and marks for its templates.

    Parameters
    ----------
    cannot_confirm : str or None
        The code of why it cannot be confirmed now.
    zone : str
        Whose time stands beside UTC.
    place, of : int
        Its place among the hits of its vehicle that are shown, and how many these are.
    names : mapping
        What people are called, by what outcomes say of who said so.
    """
    read, listed, difference = words.compare(hit.plate, hit.listed) if hit.plate else (None, None, "")
    ended = hit.status in {"ended", "unanswered"}
    return {
        "hit": hit,
        "id": hit.id,
        "href": f"/duty/hits/{hit.id}",
        "exact": hit.quality == "exact",
        "quality": "Exact match" if hit.quality == "exact" else "Possible match",
        "difference": difference,
        "read": read,
        "listed": listed or words.compare(hit.listed, hit.listed)[1],
        "status": hit.status,
        "standing": words.STANDING[hit.status],
        "waiting": not ended,
        "confirmed": hit.status == "confirmed",
        "overdue": not ended and now_us >= hit.due_us,
        "left": words.time_left(hit.due_us, now_us),
        "due": local_moment(hit.due_us, zone),
        "due_ms": hit.due_us // 1000,
        "due_at": rfc3339(hit.due_us),
        "raised": local_moment(hit.raised_us, zone, seconds=True),
        "captured": local_moment(hit.captured_us, zone, seconds=True) if hit.captured_us is not None else "",
        "captured_ago": distance(hit.captured_us, now_us) if hit.captured_us is not None else "",
        "where": words.where(hit),
        "confidence": "" if hit.confidence is None else f"{hit.confidence:.0%}",
        "clone": _clone(hit),
        "errata": [words.erratum(one, local_moment(one.at_us, zone, seconds=True)) for one in hit.errata],
        "marks": [MARKS.get(mark, mark) for mark in hit.marks],
        "patch": _image(hit, hit.patch),
        "overview": _image(hit, hit.overview),
        "said": words.said_of_entry(hit.entry),
        "looks": words.looks(hit.entry, hit.vehicle),
        "differences": words.differences(difference, hit, words.looks(hit.entry, hit.vehicle)),
        "to_compare": hit.quality != "exact" and hit.status == "open",
        "outcomes": [
            {
                "what": words.OUTCOMES.get(outcome.outcome, outcome.outcome),
                "reason": outcome.reason,
                "by": names.get(outcome.by, outcome.by),
                "at": local_moment(outcome.at_us, zone, seconds=True),
            }
            for outcome in hit.outcomes
        ],
        "cannot_confirm": words.REFUSED.get(cannot_confirm, cannot_confirm) if cannot_confirm else "",
        "place": place,
        "of": of,
        "digest": _digest(hit, cannot_confirm, place, of),
    }


def _digest(hit: Hit, cannot_confirm: str | None, place: int, of: int) -> str:
    """Return a digest of a hit, whatever the time.

    It changes when the hit does, and never with time alone.
    """
    return hashlib.sha256(msgspec.msgpack.encode((hit, cannot_confirm, place, of))).hexdigest()[:16]


def _image(hit: Hit, ref: str | None) -> str:
    return "" if ref is None else f"/duty/images/{hit.authority}/{ref}"


def _clone(hit: Hit) -> str:
    if not hit.clone:
        return ""
    # How far and when would tell place and time to those whose authority keeps them back.
    allowed = hit.camera is not None and hit.captured_us is not None
    return hit.clone if allowed else "read too far away, in too short a time"


def sighting(hit: Hit, number: int, now_us: int, *, zone: str = "") -> dict[str, Any]:
    """Return one place and time of a vehicle's journey."""
    return {
        "number": number,
        "id": hit.id,
        "href": f"/duty/hits/{hit.id}",
        "captured": local_moment(hit.captured_us, zone, seconds=True) if hit.captured_us is not None else "",
        "ago": distance(hit.captured_us, now_us) if hit.captured_us is not None else "",
        "where": words.where(hit),
        "latitude": hit.latitude,
        "longitude": hit.longitude,
        "quality": "Exact" if hit.quality == "exact" else "Possible",
        "standing": words.OUTCOMES[hit.outcomes[-1].outcome] if hit.outcomes else "Not looked at",
        "label": f"{number}: {hit.camera}",
    }
