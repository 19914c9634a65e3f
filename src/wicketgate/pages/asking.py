"""The pages of whoever asks the past: choose, ask, check before it is sent, own questions, one question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wicketgate.pages.at_work import AtWorkPages
from wicketgate.pages.camera_map import Placed, Polygon, map_of
from wicketgate.pages.duty import Session
from wicketgate.pages.local import local_moment
from wicketgate.pages.phrases import number
from wicketgate.pages.searches import (
    KINDS,
    REFUSED,
    breadth_in_words,
    need_in_words,
    question_rows,
    search_view,
    signs_in_words,
)

MOST_NAMED = 300
"""Cameras that the form lists; more are found on the map, or by group."""
MOST_ON_MAP = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AskableAuthority:
    """An authority under which somebody may ask.

    Attributes
    ----------
    stopped : str
        Why nothing can be asked under it now, by a code; empty where something can.
    kinds : sequence of str
        Kinds of question that it allows.
    breadth : (int, int)
        Camera-days, and plates, that need no second approval.
    max_age, answer_retention : str
        How far back it lets one look, and how long it lets an answer be kept, in words.
    custody : bool
        Whether answers stand in the recipient's custody, as those of bulk do.
    """

    name: str
    version: int
    title: str
    stopped: str
    kinds: Sequence[str]
    breadth: tuple[int, int]
    max_age: str
    answer_retention: str
    custody: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AskPlaces:
    """Where an authority lets one ask about.

    Attributes
    ----------
    groups : sequence of (str, int)
        Groups of its cameras, and how many of these are in each.
    cameras : sequence of (str, str)
        The first `MOST_NAMED` cameras: `source/camera`, and the name.
    count : int
        All of them.
    placed : sequence of Placed
        Those that have a place, at most `MOST_ON_MAP`.
    areas : sequence of Polygon
        The areas that were written, as far as they can be read.
    """

    groups: Sequence[tuple[str, int]]
    cameras: Sequence[tuple[str, str]]
    count: int
    placed: Sequence[Placed]
    areas: Sequence[Polygon] = ()


class AskPages(AtWorkPages):
    """The pages of whoever asks the past."""

    def choose(self, session: Session, now_us: int, authorities: Sequence[AskableAuthority]) -> str:
        """Return the page on which one chooses an authority and a kind of question."""
        return self._render(
            "ask-choose.html", session, now_us, authorities=authorities, kinds=KINDS, refused=REFUSED
        )

    def form(
        self,
        session: Session,
        now_us: int,
        *,
        authority: AskableAuthority,
        places: AskPlaces,
        written: Mapping[str, Any],
        draft: str = "",
        faults: Sequence[tuple[str, str]] = (),
        emergencies: str = "",
    ) -> str:
        """Return the form.

        Parameters
        ----------
        written : mapping
            What was written so far, by the names of the fields; `scenes` is a list of such.
        draft : str
            What is changed; empty for a new one.
        faults : sequence of (str, str)
            Field and sentence of each thing that is wrong.
        emergencies : str
            Within what time an emergency is approved, in words; empty where none can be said.
        """
        kind = written["kind"]
        return self._render(
            "ask.html",
            session,
            now_us,
            authority=authority,
            places=places,
            map=map_of(places.placed, places.areas),
            written=written,
            kind=kind,
            kind_words=KINDS[kind],
            draft=draft,
            faults=faults,
            fault=dict(reversed(faults)),
            emergencies=emergencies,
        )

    def check(
        self,
        session: Session,
        now_us: int,
        *,
        authority: AskableAuthority,
        draft: str,
        body: Mapping[str, Any],
        preview: Mapping[str, Any],
        answered: str = "",
        places: AskPlaces | None = None,
    ) -> str:
        """Return the page on which one checks a question before it is sent.

        Parameters
        ----------
        body : mapping
            As `POST /v1/searches` will be given it, the question in its normal form.
        preview : mapping
            What would become of it, as `SearchPreview`.
        answered : str
            Why it could not be sent, as a sentence.
        places : AskPlaces, optional
            Where it asks by an area: the cameras, those that are asked about marked, and the areas.
        """
        breadth = preview["breadth"]
        plates = breadth["plates"]
        return self._render(
            "ask-check.html",
            session,
            now_us,
            authority=authority,
            draft=draft,
            body=body,
            rows=question_rows(body["question"], session.zone),
            preview=preview,
            breadth=breadth_in_words(breadth),
            broad=breadth["camera_days"] > authority.breadth[0]
            or (plates is not None and plates > authority.breadth[1]),
            allowed=f"{number(authority.breadth[0])} camera-days and {number(authority.breadth[1])} plates",
            unnamed=plates is None,
            needs=[need_in_words(one) for one in preview["approvals_needed"]],
            signs=signs_in_words(preview.get("signs", ())),
            refused=REFUSED.get(preview.get("code", ""), preview.get("code", "")),
            approve_by=local_moment(preview["approve_by"], session.zone) if preview.get("approve_by") else "",
            answered=answered,
            map=None if places is None else map_of(places.placed, places.areas),
        )

    def own(
        self,
        session: Session,
        now_us: int,
        searches: Sequence[Mapping[str, Any]],
        authorities: Sequence[AskableAuthority],
    ) -> str:
        """Return the page of one's own questions."""
        return self._render(
            "questions.html",
            session,
            now_us,
            searches=[search_view(one, session.zone, now_us) for one in searches],
            titles={one.name: one.title for one in authorities},
            can_ask=any(not one.stopped for one in authorities),
        )

    def question(
        self,
        session: Session,
        now_us: int,
        *,
        search: Mapping[str, Any],
        detail: Mapping[str, Any] | None,
        title: str,
        sent: bool = False,
        custody: bool = False,
    ) -> str:
        """Return the page of one question of one's own.

        Parameters
        ----------
        search : mapping
            As `GET /v1/searches/{id}` answers.
        detail : mapping or None
            As `SearchDetail`; None where what was asked is kept no longer.
        sent : bool
            Whether it was sent just now.
        """
        return self._render(
            "question.html",
            session,
            now_us,
            one=search_view(search, session.zone, now_us),
            rows=[] if detail is None else question_rows(detail["question"], session.zone),
            reason="" if detail is None else detail["reason"],
            emergency="" if detail is None else detail["emergency"],
            title=title,
            sent=sent,
            custody=custody,
        )
