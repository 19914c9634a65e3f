"""What nobody's act tells of: ends that are near, reviews, receipts that are missing, cameras that are silent. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from wicketgate.alerts.messages import Event
from wicketgate.base.clock import DAY_US, MINUTE_US, rfc3339
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.fold import Version
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.obligations.disclosures import Held, owed_at
from wicketgate.regime.standing import consultation_due, consultation_status, review_due

NEAR_US: Final = 14 * DAY_US
VERY_NEAR_US: Final = DAY_US


def due_events(moment: RegimeAt, held: Mapping[str, Held], whos: Collection[str]) -> Iterator[Event]:
    """Yield the ends and deadlines that are near, for the places that they concern.

    Each is told of fourteen days before, and again a day before; what is missing, once a day.

    Parameters
    ----------
    whos : collection of str
        Places with rules.
    """
    for name, named in sorted(moment.regime.authorities.items()):
        number, stands = moment.current_status(named)
        version = named.versions[number]
        authority = moment.authority(version)
        concerned = sorted(who for who in whos if _concerns(authority, who))
        if not concerned:
            continue
        if stands in {"in-force", "pending"}:
            yield from _near(moment.at_us, authority, version, concerned)
        owed = owed_at(held[name], moment.at_us) if name in held else None
        if owed is not None and owed.missing_us is not None:
            for who in concerned:
                if not who.startswith("source:"):
                    yield Event(
                        id=f"receipt {name} {owed.missing_us} {moment.at_us // DAY_US}",
                        who=who,
                        kind="receipt",
                        priority=2,
                        at_us=moment.at_us,
                        about=f"receipt {name}",
                        words=f"a receipt of deletion under `{name}` is missing since {rfc3339(owed.missing_us)}",
                        path=f"/authorities/{name}",
                    )
    yield from _consultations(moment, whos)


def _near(at_us: int, authority: Authority, version: Version, concerned: Collection[str]) -> Iterator[Event]:
    name = authority.name
    for kind, what, when_us in (
        ("deadline", f"the authority `{name}` ends", authority.valid_until_us),
        ("review", f"a review of `{name}` is due", review_due(version, authority)),
        ("deadline", f"a consultation must have covered `{name}`", consultation_due(version)),
    ):
        yield from _staged(at_us, kind, what, when_us, concerned, f"/authorities/{name}")


def emergency_events(
    at_us: int, stopped: Mapping[str, str], overseer: str | None, whos: Collection[str]
) -> Iterator[Event]:
    """Yield that nobody approved an emergency in time, for the overseer whose word the unit needs since: once.

    Parameters
    ----------
    stopped : mapping of str to str
        The units that may not say that life is threatened, with the question after which.
    overseer : str or None
        The office that the charter names.
    """
    who = f"office:{overseer}"
    for unit, search in sorted(stopped.items()) if who in whos else ():
        yield Event(
            id=f"emergency {search}",
            who=who,
            kind="deadline",
            priority=1,
            at_us=at_us,
            about=f"emergency {unit}",
            words=f"nobody approved an emergency of `{unit}` in time: it says so no more until your office lets it",
        )


def list_events(at_us: int, name: str, first_us: int, who: str) -> Iterator[Event]:
    """Yield that entries of a list end or must be reviewed, for its own unit alone: at most twice for each day.

    Parameters
    ----------
    name : str
        Of the list's authority.
    first_us : int
        When the first of its entries does.
    """
    stage, priority = ("last day", 2) if first_us - at_us <= VERY_NEAR_US else ("near", 3)
    yield Event(
        id=f"list {name} {first_us // DAY_US} {stage}",
        who=who,
        kind="review",
        priority=priority,
        at_us=at_us,
        about=f"list {name}",
        words=f"entries of the list of `{name}` end or must be reviewed, the first at {rfc3339(first_us)}",
        path=f"/duty/lists/{name}",
    )


def unfit_events(
    moment: RegimeAt, unfit: Mapping[str, Mapping[str, str]], whos: Collection[str]
) -> Iterator[Event]:
    """Yield that nothing leaves under an authority for want of a list to rely on: at most once a day for each.

    Parameters
    ----------
    unfit : mapping
        By the authority's name, its lists that may not be relied on, with why.
    """
    for name, lists in sorted(unfit.items()):
        named = moment.regime.authorities[name]
        authority = moment.authority(named.versions[moment.current(named)])
        for each, why in sorted(lists.items()):
            for who in sorted(who for who in whos if _concerns(authority, who)):
                yield Event(
                    id=f"unfit {name} {each} {why} {moment.at_us // DAY_US}",
                    who=who,
                    kind="deadline",
                    priority=1,
                    at_us=moment.at_us,
                    about=f"unfit {name} {each}",
                    words=f"nothing leaves under `{name}`: its list `{each}` cannot be relied on ({why})",
                    path=f"/authorities/{name}",
                )


def _consultations(moment: RegimeAt, whos: Collection[str]) -> Iterator[Event]:
    for id_, taken in sorted(moment.regime.consultations.items()):
        if consultation_status(taken, moment.at_us) != "open":
            continue
        draft = moment.consultation(taken).draft
        if not isinstance(draft, Authority):
            continue
        concerned = sorted(who for who in whos if _concerns(draft, who) and who.startswith("office:"))
        what = f"the consultation `{id_}` closes"
        yield from _staged(
            moment.at_us, "deadline", what, taken.closes_us, concerned, f"/consultations/{id_}"
        )


def _staged(
    at_us: int, kind: str, what: str, when_us: int | None, concerned: Collection[str], path: str
) -> Iterator[Event]:
    left_us = 0 if when_us is None else when_us - at_us
    if when_us is None or not 0 < left_us <= NEAR_US:
        return
    stage, priority = ("last day", 2) if left_us <= VERY_NEAR_US else ("near", 3)
    for who in concerned:
        yield Event(
            id=f"{what} {when_us} {stage}",
            who=who,
            kind=kind,
            priority=priority,
            at_us=at_us,
            about=what,
            words=f"{what}: {rfc3339(when_us)}",
            path=path,
        )


def _concerns(authority: Authority, who: str) -> bool:
    """Return whether an authority concerns a place: its own unit, an office of either side, a source in its scope."""
    kind, _, name = who.partition(":")
    match kind:
        case "recipient":
            return authority.whose == name
        case "office":
            return name.partition("/")[0] in {authority.controller, authority.recipient}
        case _:
            return name in authority.scope.sources


class Silence:
    """Which cameras are silent, by how often they were heard.

    What was heard before the start is not known: a camera is silent from the start at the earliest.
    """

    def __init__(self, silent_us: int) -> None:
        self._silent_us = silent_us
        self._heard: dict[str, tuple[int, int]] = {}

    def look(
        self, counts: Mapping[str, int], active: Collection[str], whos: Collection[str], at_us: int
    ) -> list[Event]:
        """Return an event for each active camera of these sources that is silent.

        Parameters
        ----------
        counts : mapping
            How often each camera was heard, as `source/camera`.
        active : collection of str
            The cameras that are registered.
        """
        silent = []
        self._heard = {camera: heard for camera, heard in self._heard.items() if camera in active}
        for camera in active:
            count = counts.get(camera, 0)
            known = self._heard.get(camera)
            if known is None or known[0] != count:
                self._heard[camera] = count, at_us
            elif at_us - known[1] >= self._silent_us:
                silent.append((camera, known[1]))
        events = []
        for camera, since_us in silent:
            who = f"source:{camera.partition('/')[0]}"
            if who in whos:
                words = f"the camera `{camera}` sent nothing since {rfc3339(since_us)}"
                events.append(
                    Event(
                        id=f"silent {camera} {since_us}",
                        who=who,
                        kind="camera",
                        priority=3,
                        at_us=at_us,
                        about="silent cameras",
                        words=words,
                    )
                )
        return events


def behind_events(
    behind: Collection[str], since_us: Mapping[str, int], whos: Collection[str], at_us: int
) -> list[Event]:
    """Return an event for each part that is behind and each place: it is said again while it lasts, by the rules.

    Parameters
    ----------
    behind : collection of str
        Parts of the gateway, such as `seconds`.
    since_us : mapping
        When each was first seen to be behind.
    """
    words = {"seconds": "the log gets no seconds", "disk": "the gateway's disk is full"}
    return [
        Event(
            id=f"behind {part} {since_us[part]} {at_us // MINUTE_US}",
            who=who,
            kind="gateway",
            priority=1,
            at_us=at_us,
            about=f"behind {part}",
            words=f"{words.get(part, f'the gateway is behind with its {part}')}, since {rfc3339(since_us[part])}",
            path="/",
        )
        for part in sorted(behind)
        for who in sorted(whos)
    ]


def witness_events(
    alarms: int, stopped: Collection[str], since_us: int, whos: Collection[str], at_us: int
) -> list[Event]:
    """Return an event for each place where a witness says that the log has forked, or something stops without them.

    Parameters
    ----------
    alarms : int
        How often a witness said so since the start of the gateway.
    stopped : collection of str
        What is stopped since too few cosign the log.
    since_us : int
        When that stopped last.
    """
    said = []
    if alarms:
        said.append(("fork", f"{alarms}", "a witness says that this log has forked: see /witnesses"))
    if stopped:
        what = ", ".join(stopped)
        words = f"too few witnesses cosign the log: {what} stopped, since {rfc3339(since_us)}"
        said.append(("unwitnessed", f"{what} {since_us}", words))
    return [
        Event(
            id=f"{about} {which}",
            who=who,
            kind="gateway",
            priority=1,
            at_us=at_us,
            about=about,
            words=words,
            path="/witnesses",
        )
        for about, which, words in said
        for who in sorted(whos)
    ]
