"""What a question may look at: the cameras that are both asked for and in scope, and how broad that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from wicketgate.base.errors import InputError
from wicketgate.base.periods import Period
from wicketgate.commits.cameras import Camera, in_scope
from wicketgate.commits.state import State
from wicketgate.history.places import CameraPlace
from wicketgate.history.questions import CameraBreadth, Question
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.searches.rules import SearchCode, stopped_code

_NOTHING = CameraBreadth(cameras=0, days=0, camera_days=0, plates=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingAuthority:
    """An authority of a unit as it stands at a moment, and what must be the same for that to hold still.

    Attributes
    ----------
    authority : Authority or None
        The version that counts; None where the unit has none of that name, whether or not another has.
    stopped : str or None
        Why it lets nothing be done now.
    cap : int or None
        The most cameras that it was admitted for.
    mark : tuple
        The documents taken, the lists of cameras taken, and the version.
    """

    authority: Authority | None = None
    stopped: SearchCode | None = None
    cap: int | None = None
    mark: tuple[int, int, str] = (0, 0, "")


def standing_of(state: State, moment: RegimeAt, unit: str, name: str) -> StandingAuthority:
    """Return how a unit's authority of a name stands."""
    feed = state.feeds.get(name)
    if feed is None or feed.whose != unit:
        return StandingAuthority(mark=(state.revision, len(state.camera_log), ""))
    named = moment.regime.authorities[name]
    version = named.versions[moment.current(named)]
    authority = moment.authority(version)
    return StandingAuthority(
        authority=authority,
        stopped=stopped_code(
            named,
            version,
            authority,
            moment.at_us,
            unwitnessed=moment.regime.is_unwitnessed(authority.mode),
        ),
        cap=version.cap,
        mark=(state.revision, len(state.camera_log), authority.reference),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionReach:
    """The cameras that a question may look at under an authority.

    Attributes
    ----------
    cameras : tuple of tuple of int
        Their numbers, ascending: one list, or one for each scene.
    sources : mapping of str to int
        How many of each source, each counted once.
    """

    cameras: tuple[tuple[int, ...], ...] = ()
    breadth: CameraBreadth = _NOTHING
    sources: Mapping[str, int]


def reach_of(cameras: Sequence[Camera], standing: StandingAuthority, question: Question) -> QuestionReach:
    """Return what a question may look at. Runs in any thread.

    Parameters
    ----------
    cameras : sequence of Camera
        The register, in the order of numbers; nobody changes it meanwhile.
    """
    if standing.authority is None:
        return QuestionReach(sources={})
    inside = in_scope(cameras, standing.authority, standing.cap)
    found: dict[CameraPlace, tuple[int, ...]] = {}

    def numbers(place: CameraPlace) -> tuple[int, ...]:
        if place not in found:
            found[place] = tuple(number for number in place.numbers(cameras) if inside[number])
        return found[place]

    places = [scene.place for scene in question.scenes] or [question.place]
    lists = tuple(numbers(place) for place in places)
    sources: dict[str, int] = {}
    for number in sorted({number for one in lists for number in one}):
        sources[cameras[number].source] = sources.get(cameras[number].source, 0) + 1
    breadth = question.breadth(lambda place: len(numbers(place)))
    return QuestionReach(cameras=lists, breadth=breadth, sources=sources)


def demand_apart(question: Question, reach: QuestionReach) -> None:
    """Demand that no read counts for two scenes: by a place that is named twice `scenes` would ask who was there.

    That is another kind of question, which an authority need not allow. Runs in any thread.

    Raises
    ------
    InputError
        Of code `question-kind`.
    """
    looked = [frozenset(numbers) for numbers in reach.cameras]
    for (one, here), (other, there) in combinations(zip(question.scenes, looked, strict=False), 2):
        if max(one.from_us, other.from_us) < min(one.until_us, other.until_us) and not here.isdisjoint(there):
            raise InputError(
                "two scenes share a camera and a time: one read would count for both. Name them apart",
                code="question-kind",
            )


def retention_by_camera(
    cameras: Sequence[Camera], reach: QuestionReach, retentions: Mapping[str, Period]
) -> dict[int, Period]:
    """Return how long the source of each camera that is looked at keeps reads; of one that keeps nothing none is."""
    looked = np.unique(np.array([number for one in reach.cameras for number in one], np.int64)).tolist()
    return {
        number: retentions[cameras[number].source]
        for number in looked
        if cameras[number].source in retentions
    }
