"""The sentences on how an authority stands, one table for each part of its stance.

A page takes every sentence about an authority's standing and consultation from here, chosen by the one stance that the
register shows (`wicketgate.regime.stance`). So no page can say two things of which one is false. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from wicketgate.pages import phrases
from wicketgate.regime.stance import End, Footing, Phase, Stop
from wicketgate.regime.standing import Status

LABELS: Mapping[str, tuple[str, str]] = {
    "in-force": ("In force", "green"),
    "pending": ("Not yet in force", "blue"),
    "suspended": ("Suspended", "orange"),
    "review-overdue": ("Review overdue", "orange"),
    "consultation-overdue": ("Consultation overdue", "orange"),
    "unwitnessed": ("Log not witnessed", "orange"),
    "revoked": ("Revoked", "red"),
    "expired": ("Expired", "grey"),
    "superseded": ("Replaced", "grey"),
}
"""The tag of each status, and its colour."""
REVOKED_BY: Mapping[str, tuple[str, str]] = {"quashed": ("Quashed", "red"), "objection": ("Annulled", "red")}
"""The tag of a revoked authority whose end was not its officers' revocation."""

STOPS: Mapping[Stop, tuple[str, str]] = {
    "suspension": ("It was suspended by its officers or an overseer.", "the suspension is lifted"),
    "stay": ("A court suspended it for as long as it hears a challenge.", "the court lets it go on"),
    "quashed-consultation": (
        "A court quashed the public consultation on which it rests, and so suspended it.",
        "the court lets it go on",
    ),
    "key-ended": (
        "A new charter ended a key that had signed for it, and so suspended it.",
        "that suspension is lifted",
    ),
    "review-overdue": (
        "A review was due by {review_due} and is not recorded, so it stopped by itself.",
        "a review is recorded",
    ),
    "consultation-overdue": (
        "A public consultation was to cover it by {due} and has not, so it stopped by itself.",
        "a decision on one covers it",
    ),
    "unwitnessed": (
        "Too few witnesses cosign the log, so it stopped by itself.",
        "as many cosign it again as the charter demands",
    ),
}
"""What stops an authority, and until when nothing is released under it."""

ENDS: Mapping[End, tuple[str, str]] = {
    "expired": ("Its term has run out.", "Its term had run out before."),
    "superseded": ("A later version took its place.", "A later version had taken its place before."),
    "revocation": ("It was ended by its officers.", "Its officers had ended it before."),
    "quashed": ("A court ended it.", "A court had ended it before."),
    "objection": ("An objection ended it.", "An objection had ended it before."),
}
"""What ended an authority; and the same, where another act struck it afterwards."""

OVERDUE: Mapping[Stop, str] = {
    "review-overdue": "It had stopped by itself before, since a review was not recorded in time.",
    "consultation-overdue": "It had stopped by itself before, since no public consultation covered it in time.",
}
"""What had stopped an authority by the clock that is over now."""

BY_THE_CLOCK: Mapping[str, str] = {
    "expired": "Its term ran out.",
    "review-overdue": "A review that was due was not recorded, so it stopped by itself.",
    "consultation-overdue": "The public consultation that was due did not cover it in time, so it stopped by itself.",
}
"""What happened to an authority by the clock, as its history tells it: true whatever came after."""

Tense = Literal["pending", "running", "over", "never"]
"""The phase of an authority; `never`: it is over, and never took effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said of one footing: a tag with its colour, and a sentence for each tense.

    `{It}` and `{it}` stand for the authority, or part of it; `{due}` and `{since}` for days.
    """

    label: str = ""
    colour: str = ""
    pending: str
    running: str
    over: str
    never: str


_ALLOWED = (
    " The charter allows that for its instrument and purpose, and demands that it is said on every page."
)
_URGENT = " It is short, and the same power cannot be urgent again soon."
_UNLESS = "It stops by itself unless a public consultation covers it by {due}."
_MISSED = (
    "{{It}} took effect before it was consulted on, and the public consultation due by {{due}} {} covered it."
)
_VOID = "The public consultation that {} it is void: a charter ended a key that had signed its decision."
_NOTICE = " For this the charter asks for nothing but that it is published."


def _without(label: str, colour: str, why: str, how: str = "") -> Said:
    return Said(
        label=label,
        colour=colour,
        pending="{It} is to take effect without a public consultation" + how + "." + why,
        running="{It} took effect without a public consultation" + how + "." + why,
        over="{It} took effect without a public consultation" + how + ".",
        never="{It} was to take effect without a public consultation" + how + ", and never did.",
    )


FOOTINGS: Mapping[Footing, Said] = {
    "covered": Said(
        pending="A public consultation covers all of it.",
        running="A public consultation covers all of it.",
        over="A public consultation covered all of it.",
        never="A public consultation covered all of it.",
    ),
    "consulted-since": Said(
        label="Consulted on since {since}",
        colour="grey",
        pending="A public consultation covers all of it since {since}.",
        running="A public consultation covers all of it since {since}. Until then {it} ran without one.",
        over="A public consultation covered all of it from {since} on. Until then {it} ran without one.",
        never="A public consultation covered all of it from {since} on.",
    ),
    "notice": _without("Published, not consulted on", "grey", _NOTICE),
    "marked": _without("Not consulted on", "red", _ALLOWED),
    "urgent": _without("Urgent", "red", _URGENT, ", as urgent"),
    "consultation-due": Said(
        label="Consultation due by {due}",
        colour="yellow",
        pending="{It} is to take effect before it is consulted on. " + _UNLESS,
        running="{It} took effect before it was consulted on. " + _UNLESS,
        over="{It} took effect before it was consulted on, and ended before that was due.",
        never="{It} was to take effect before it was consulted on, and never did.",
    ),
    "consultation-missed": Said(
        label="No consultation by {due}",
        colour="red",
        pending="{It} is to take effect without the public consultation that was due by {due}.",
        running=_MISSED.format("has not"),
        over=_MISSED.format("never"),
        never="{It} was to take effect before it was consulted on, and never did.",
    ),
    "cover-quashed": Said(
        label="Consultation quashed",
        colour="red",
        pending="A court quashed the public consultation that covered it.",
        running="A court quashed the public consultation that covered it.",
        over="A court quashed the public consultation that had covered it.",
        never="A court quashed the public consultation that had covered it.",
    ),
    "cover-void": Said(
        label="Consultation void",
        colour="red",
        pending=_VOID.format("covered"),
        running=_VOID.format("covered"),
        over=_VOID.format("had covered"),
        never=_VOID.format("had covered"),
    ),
}
"""On what consultation an authority stands."""

_RUNNING_WITHOUT = frozenset({"consultation-due", "consultation-missed"})
"""The footings under which a running consultation is what is waited for."""

_VERBS: Mapping[str, tuple[str, str]] = {
    "proposed": ("would receive", "would use"),
    "pending": ("is to receive", "is to use"),
    "running": ("receives", "uses"),
    "stopped": ("received, until it stopped,", "used, until it stopped,"),
    "over": ("received", "used"),
    "never": ("was to receive", "was to use"),
}
"""What a recipient does, and what a controller does for its own use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """The stance of one version as a register shows it, with the days that its sentences name.

    A register without a stance, and a draft, have none: then nothing is said but what the status says by itself.
    """

    status: str
    ended_by: str
    phase: Phase | None
    begun: bool
    stops: tuple[Stop, ...]
    end: End | None
    footing: Footing | None
    part: bool
    days: Mapping[str, str]

    @property
    def tense(self) -> Tense | None:
        """The tense of sentences about it."""
        if self.phase == "over" and not self.begun:
            return "never"
        return self.phase

    @property
    def is_current(self) -> bool:
        """Whether it is not over."""
        return self.phase in ("pending", "running")


def stands_of(item: Mapping[str, Any]) -> Stands:
    """Return how an authority of a register stands."""
    stance = item.get("stance")
    known: Mapping[str, Any] = stance if isinstance(stance, Mapping) else {}
    consulted = item.get("consulted")
    told: Mapping[str, Any] = consulted if isinstance(consulted, Mapping) else {}
    return Stands(
        status=str(item.get("status")),
        ended_by=str(item.get("ended_by") or ""),
        phase=next((one for one in get_args(Phase) if one == known.get("phase")), None),
        begun=known.get("begun") is True,
        stops=tuple(one for one in STOPS if one in (known.get("stops") or ())),
        end=next((one for one in ENDS if one == known.get("end")), None),
        footing=next((one for one in FOOTINGS if one == known.get("footing")), None),
        part=known.get("part") is True,
        days={
            "due": phrases.day(told.get("due")),
            "since": phrases.day(known.get("since")),
            "review_due": phrases.moment(item.get("review_due")),
            "begins": phrases.moment(item.get("in_force_from")),
        },
    )


def status_of(stands: Stands) -> dict[str, str]:
    """Return the tag of an authority's status, and what it means: `id`, `label`, `colour`, `explanation`."""
    label, colour = LABELS.get(stands.status, (stands.status, "grey"))
    if stands.status == "revoked":
        label, colour = REVOKED_BY.get(stands.ended_by, (label, colour))
    return {
        "id": stands.status,
        "label": label,
        "colour": colour,
        "explanation": _explanation(stands).format_map(stands.days),
    }


def _explanation(stands: Stands) -> str:
    if stands.end is not None:
        return _over(stands, stands.end)
    if stands.stops:
        causes = " ".join(STOPS[stop][0] for stop in stands.stops)
        until = " and ".join(dict.fromkeys(STOPS[stop][1] for stop in stands.stops))
        begins = " It is not to take effect before {begins}." if stands.phase == "pending" else ""
        return f"{causes} Nothing is released under it until {until}.{begins}"
    if stands.phase == "pending":
        return "Nothing is released under it before {begins}."
    return "What it allows is released now." if stands.phase == "running" else ""


def _over(stands: Stands, end: End) -> str:
    first = ENDS[end][0]
    if stands.status == "revoked" and end in ("expired", "superseded"):
        act = ENDS[
            "objection"
            if stands.ended_by == "objection"
            else "quashed"
            if stands.ended_by == "quashed"
            else "revocation"
        ]
        first = f"{act[0]} {ENDS[end][1]}"
    never = "" if stands.begun else "It never took effect."
    overdue = " ".join(OVERDUE[stop] for stop in stands.stops if stop in OVERDUE)
    suspended = any(stop not in OVERDUE for stop in stands.stops)
    besides = (
        "It is suspended besides: what it released before cannot be fetched either." if suspended else ""
    )
    return " ".join(filter(None, (first, "Nothing is released under it.", never, overdue, besides)))


def verb_of(stands: Stands, *, own_use: bool) -> str:
    """Return what a recipient does with what an authority lets go, or a controller for its own use."""
    key: str = "proposed" if stands.status == "proposed" else stands.tense or "over"
    if key == "running" and stands.stops:
        key = "stopped"
    return _VERBS[key][own_use]


def footing_of(stands: Stands) -> str:
    """Return on what consultation an authority stands; nothing of a draft."""
    if stands.footing is None or stands.tense is None:
        return "" if stands.status == "proposed" else "The register does not say what was consulted on."
    said: str = getattr(FOOTINGS[stands.footing], stands.tense)
    it = "part of it" if stands.part else "it"
    return said.format_map({**stands.days, "it": it, "It": phrases.sentence_case(it)})


def tag_of(stands: Stands) -> dict[str, str] | None:
    """Return the tag of what took the place of a consultation; None where one covers all from the beginning."""
    if stands.footing is None or not FOOTINGS[stands.footing].label:
        return None
    said = FOOTINGS[stands.footing]
    label = said.label
    if stands.footing == "consultation-due" and not stands.is_current:
        label = "Not consulted on"  # nothing is due of what is over
    if stands.part and stands.footing in ("notice", "marked"):
        label += ": part of it"
    return {"label": label.format_map(stands.days), "colour": said.colour, "href": ""}


def waits_for_consultation(stands: Stands) -> bool:
    """Return whether an authority is in want of a consultation to go on."""
    return stands.footing in _RUNNING_WITHOUT and stands.is_current


def review_of(stands: Stands) -> str:
    """Return when the next review is due, in words; nothing of what is over or needs none."""
    if not stands.is_current or stands.days["review_due"] in ("", "None"):
        return ""
    if "review-overdue" in stands.stops:
        return f"one was due by {stands.days['review_due']}, and is not recorded"
    return f"next due {stands.days['review_due']}"


def statuses() -> dict[str, str]:
    """Return the tag of each status by its code."""
    return {status: LABELS[status][0] for status in get_args(Status)}
