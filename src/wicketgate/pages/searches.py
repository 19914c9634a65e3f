"""Questions to the past in plain words: what they ask, how they stand, who must approve. Pure.

A question comes here as `/v1/searches` tells it: what pages show, the API says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wicketgate.base.clock import parse_rfc3339
from wicketgate.pages.local import local_moment
from wicketgate.pages.phrases import distance, number
from wicketgate.regime.searches.rules import FEW

KINDS: Mapping[str, tuple[str, str]] = {
    "plate": ("One exact plate", "Where and when one vehicle was read."),
    "lookalikes": (
        "Look-alikes of a plate",
        "One plate, and those that a camera takes for it, such as O for 0.",
    ),
    "plates": ("Many plates", "Up to 1,000 plates at once."),
    "pattern": ("Part of a plate", "A plate of which some characters are not known."),
    "place": ("A place and a time", "Every vehicle read at cameras, in groups or in an area."),
    "vehicle": ("What the vehicle looks like", "Reads of which the camera said make, colour or kind."),
    "scenes": ("Several places and times", "The vehicles seen at some or all of several places and times."),
}
"""What each kind of question is called, and a hint."""
STATUS: Mapping[str, tuple[str, str, str]] = {
    "counting": ("Being counted", "blue", "How many vehicles it means is being counted."),
    "counted": (
        "Waits for approval",
        "yellow",
        "The vehicles were counted. Which they are is shown once the approvals that are needed quote that number.",
    ),
    "awaiting-approval": ("Waits for approval", "yellow", "It is run once everybody approved who must."),
    "running": ("Being answered", "blue", "The answer is being made."),
    "answered": (
        "Answered",
        "green",
        "The answer is kept until its end. Each page of it that you open is a look.",
    ),
    "refused": ("Refused", "red", "The law does not let it be asked. Nothing was looked up."),
    "not-approved": ("Not approved", "red", "An approver did not let it be answered."),
    "ended": ("Ended", "grey", "Its answer is kept no longer, or nobody approved it in time."),
}
"""The tag of each status, its colour, and what it means."""
REFUSED: Mapping[str, str] = {
    "no-authority": "Your unit has no authority of this name under which it may ask the past.",
    "not-in-force-yet": "The authority has not taken effect.",
    "expired": "The authority’s validity is over.",
    "suspended": "The authority is suspended.",
    "revoked": "The authority was revoked.",
    "review-overdue": "The authority stopped by itself: its review did not come in time.",
    "consultation-overdue": "The authority stopped by itself: no consultation covered it in time.",
    "unwitnessed": "Too few witnesses cosign the log. Ask again once they do.",
    "reason-missing": "The offence code, the case number or the reason is missing.",
    "question-kind": "The authority does not let this kind of question be asked.",
    "out-of-scope": "None of these cameras is in the authority’s scope.",
    "older-than-allowed": "It begins before the time to which the authority lets you look back. Begin it later.",
    "too-broad": "It is broader than the authority lets it be, and nobody may approve that. Ask for less time, fewer "
    "cameras or fewer plates.",
    "excluded-place": "It looks at a place that no question may look at.",
    "self-approval": "You asked this yourself: somebody else must approve it.",
    "approver-twice": "You approved it already: somebody else must approve it too.",
    "count-differs": "Quote the number of vehicles as it stands on this page.",
    "approval-spent": "It has run, was refused or has ended: nothing can be approved any more.",
    "not-entitled": "It needs no approval of yours here.",
    "unknown-search": "There is no such question, or you have no part in it.",
}
"""What a person reads where a question or an approval is refused, by code."""
WHY: Mapping[str, str] = {
    "age": "the reads are that old",
    "count": "it is not about one exact plate",
    "breadth": "it is broader than the authority lets one person approve",
}
"""Why an approval is needed."""
SIGNS: Mapping[str, str] = {
    "stock-phrase": "It is a stock phrase.",
    "few-words": "It has fewer than five different words.",
    "repeated": "It repeats one of the last ten reasons of the same person.",
    "case-of-many": "Five others or more used the same case number.",
}
"""What may be wrong with a reason."""


def search_view(search: Mapping[str, Any], zone: str, now_us: int) -> dict[str, Any]:
    """Return a question with the words for its templates.

    Parameters
    ----------
    search : mapping
        As `GET /v1/searches/{id}` answers.
    zone : str
        Whose time stands beside UTC.
    """
    label, colour, words = STATUS[search["status"]]
    until = search.get("until") or ""
    return {
        "id": search["id"],
        "href": f"/questions/{search['id']}",
        "status": search["status"],
        "label": label,
        "colour": colour,
        "words": words,
        "authority": search["authority"],
        "unit": search["unit"],
        "asked": local_moment(search["asked_at"], zone),
        "asked_ago": distance(search["asked_at"], now_us),
        "kinds": kinds_in_words(search["kinds"]),
        "breadth": breadth_in_words(search["breadth"]),
        "offence": search["offence"],
        "case": search["case"],
        "code": search.get("code", ""),
        "refused": REFUSED.get(search.get("code", ""), ""),
        "refused_reason": search.get("refused_reason", ""),
        "vehicles": search.get("vehicles"),
        "counted": counted_in_words(search.get("vehicles")),
        "withheld": search.get("withheld", False),
        "approvals": search.get("approvals", 0),
        "needs": [need_in_words(one) for one in search["approvals_needed"]],
        "signs": signs_in_words(search.get("signs", ())),
        "emergency": search.get("emergency", False),
        "approve_by": local_moment(search["approve_by"], zone) if search.get("approve_by") else "",
        "approve_left": distance(search["approve_by"], now_us) if search.get("approve_by") else "",
        "overdue": bool(search.get("approve_by")) and parse_rfc3339(search["approve_by"]) <= now_us,
        "unapproved": search.get("unapproved", False),
        "rows": search.get("rows"),
        "until": local_moment(until, zone) if until else "",
        "until_left": distance(until, now_us) if until else "",
        "root": search.get("root", ""),
        "errata": search.get("errata", 0),
        "covers": local_moment(search["covers"], zone, seconds=True) if search.get("covers") else "",
        "lost": search.get("lost", False),
        "gaps": [gap_in_words(one, zone) for one in search.get("gaps", ())],
        "waits": search["status"] in {"counted", "awaiting-approval"},
        "moves": search["status"] in {"counting", "running"},
        "has_answer": search["status"] == "answered",
    }


def kinds_in_words(kinds: Sequence[str]) -> str:
    """Return what a question is about.

    >>> kinds_in_words(["plate"]), kinds_in_words(["place", "vehicle"])
    ('One exact plate', 'A place and a time, what the vehicle looks like')
    """
    names = [KINDS[kind][0] for kind in KINDS if kind in kinds]
    return ", ".join(name if not n else name[0].lower() + name[1:] for n, name in enumerate(names))


def breadth_in_words(breadth: Mapping[str, Any]) -> str:
    """Return how broad a question is.

    >>> breadth_in_words({"cameras": 1200, "days": 2, "camera_days": 2400, "plates": 1})
    '1,200 cameras on 2 days: 2,400 camera-days, for 1 plate'
    >>> breadth_in_words({"cameras": 1, "days": 1, "camera_days": 1, "plates": None})
    '1 camera on 1 day: 1 camera-day, for every vehicle read there'
    """
    plates = breadth.get("plates")
    whom = "every vehicle read there" if plates is None else _many(plates, "plate")
    return (
        f"{_many(breadth['cameras'], 'camera')} on {_many(breadth['days'], 'day')}: "
        f"{_many(breadth['camera_days'], 'camera-day')}, for {whom}"
    )


def counted_in_words(vehicles: int | None) -> str:
    """Return how many vehicles were counted; empty where nothing was.

    >>> counted_in_words(9), counted_in_words(1250), counted_in_words(None)
    ('9 or fewer vehicles, or none', '1,250 vehicles', '')
    """
    if vehicles is None:
        return ""
    return f"{FEW} or fewer vehicles, or none" if vehicles <= FEW else _many(vehicles, "vehicle")


def need_in_words(need: Mapping[str, Any]) -> dict[str, Any]:
    """Return an approval that is needed: who gives it, and why."""
    return {
        "offices": list(need["offices"]),
        "of_unit": need["of_unit"],
        "why": WHY.get(need["why"], need["why"]),
    }


def signs_in_words(signs: Sequence[str]) -> list[str]:
    """Return what may be wrong with a reason, a sentence each."""
    return [SIGNS.get(sign, sign) for sign in signs]


def gap_in_words(gap: Mapping[str, Any], zone: str) -> str:
    """Return what the history lacks of a question's time."""
    reads = gap.get("reads")
    what = "reads, nobody can say how many," if reads is None else _many(reads, "read")
    return f"{what} of {local_moment(gap['from'], zone)} to {local_moment(gap['until'], zone)}"


def question_rows(question: Mapping[str, Any], zone: str) -> list[dict[str, Any]]:
    """Return what a question asks, line by line for a summary list.

    Parameters
    ----------
    question : mapping
        In its normal form, as docs/spec/history.md has it.

    Returns
    -------
    list of dict
        `key`, and `lines` of text; `code` where these are plates or ids.
    """
    rows: list[dict[str, Any]] = []

    def add(key: str, *lines: str, code: bool = False) -> None:
        rows.append({"key": key, "lines": list(lines), "code": code})

    if plate := question.get("plate"):
        add("Plate", plate, code=True)
    if plates := question.get("plates"):
        add(f"Plates ({number(len(plates))})", *plates, code=True)
    if pattern := question.get("pattern"):
        add("Part of a plate", pattern, code=True)
    if question.get("lookalikes"):
        add("Look-alikes", "Also plates that a camera takes for it")
    if vehicle := question.get("vehicle"):
        names = {"make": "make", "colour": "colour", "kind": "kind"}
        add("The vehicle", ", ".join(f"{names[name]} {text}" for name, text in vehicle.items()))
    for n, scene in enumerate(question.get("scenes") or (), 1):
        add(f"Place {n}", *place_lines(scene), _span(scene, zone))
    if question.get("scenes"):
        add("Seen at", f"{question['at_least']} of these {len(question['scenes'])} places, or more")
    else:
        add("Where", *place_lines(question))
        add("When", _span(question, zone))
    return rows


def place_lines(place: Mapping[str, Any]) -> list[str]:
    """Return the cameras that a question names, in words."""
    lines = []
    if cameras := place.get("cameras"):
        lines.append(f"{_many(len(cameras), 'camera')}: {', '.join(cameras)}")
    if groups := place.get("groups"):
        lines.append(
            f"Cameras of {'the group' if len(groups) == 1 else 'any of the groups'} {', '.join(groups)}"
        )
    if area := place.get("area"):
        lines.append("Cameras within " + _corners(area))
    return lines or ["Every camera that the authority lets you ask about"]


def _corners(area: Mapping[str, Any]) -> str:
    ring = area["coordinates"][0][:-1]
    shown = "; ".join(f"{latitude:.5f}, {longitude:.5f}" for longitude, latitude in ring[:8])
    more = f"; and {len(ring) - 8} more" if len(ring) > 8 else ""
    holes = f", but for {_many(len(area['coordinates']) - 1, 'hole')}" if len(area["coordinates"]) > 1 else ""
    return f"the corners {shown}{more}{holes}"


def _span(said: Mapping[str, Any], zone: str) -> str:
    return f"{local_moment(said['from'], zone)} to {local_moment(said['to'], zone)}"


def _many(count: int, name: str) -> str:
    return f"{number(count)} {name}{'' if count == 1 else 's'}"
