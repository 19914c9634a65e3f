"""The authorities of a world as Cedar policies: a third evaluator, written from the documents, never from the tables.

A feed is the principal, a camera the resource, and what is done with the read (`release`, `search`) the action. One
policy is one version of one authority: its scope, validity, hours, fields, review and mode, as its officers wrote
them. What Cedar has no words for (wall clocks, calendar months, mistakes of cameras) is a fact of the request, found
here slowly and plainly. Whoever changes the gate's meaning must change this by hand: that is what it is for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import cedarpy

from tests.oracles.gate_oracle import best, stays
from wicketgate.hotlists import Entry

Document = Mapping[str, Any]

_KINDS = (
    "authority",
    "suspension",
    "resumption",
    "revocation",
    "review",
    "challenge",
    "quashed",
    "objection",
    "consultation",
    "decision",
)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Committed:
    """A document, when it was committed, and what was found then.

    Attributes
    ----------
    due_us : int or None
        Of an authority: when a consultation must have covered it.
    cap : int or None
        Of an authority: the most cameras that it may use.
    fulfils : tuple of str
        Of a decision: the versions that waited for it.
    """

    at_us: int
    document: Document
    due_us: int | None = None
    cap: int | None = None
    fulfils: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What kind of document it is."""
        return next(kind for kind in _KINDS if kind in self.document)


@dataclass(frozen=True, kw_only=True)
class Device:
    """A camera as its source registered it."""

    source: str
    id: str
    groups: Sequence[str]
    latitude: float | None = None
    longitude: float | None = None
    active: bool = True


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What somebody wants to do with a read.

    `camera` is a number in the register; `field` the part of the read that is wanted; `approved` the offices that
    approved a search, `kinds` of which kinds its question is; `entries` what is listed under the authority, None
    where nobody can say; `stood` by list the number from which it is counted how much it shrank, and when it was put;
    `full` whether its feed is.
    """

    feed: str
    camera: int
    captured_us: int
    at_us: int
    plate: str
    field: str
    search: bool = False
    approved: Sequence[str] = ()
    kinds: Sequence[str] = ("plate",)
    entries: Sequence[Entry] | None = None
    stood: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    full: bool = False


@dataclass(frozen=True)
class Policies:
    """A world in Cedar; `zones` and `ages` are the facts that its policies ask requests for."""

    text: str
    entities: str
    cameras: Sequence[Device]
    zones: frozenset[str] = field(default_factory=frozenset)
    ages: frozenset[str] = field(default_factory=frozenset)

    def ask(self, wanted: Iterable[Wanted]) -> list[bool]:
        """Return for each request whether Cedar allows it; an error of a policy fails the test."""
        answers = cedarpy.is_authorized_batch(
            [self._request(one) for one in wanted],
            cedarpy.PolicySet.from_str(self.text),
            cedarpy.Entities.from_json_str(self.entities),
        )
        assert not [error for answer in answers for error in answer.diagnostics.errors]
        return [answer.allowed for answer in answers]

    def _request(self, wanted: Wanted) -> dict[str, Any]:
        known = wanted.camera in range(len(self.cameras))
        hit = ""
        if wanted.entries is not None:
            found = best(wanted.entries, wanted.plate, wanted.captured_us, wanted.at_us)
            kinds = {entry.voi: entry.kind for entry in wanted.entries}
            hit = "" if found is None else kinds[found[0]]
        return {
            "principal": {"type": "Feed", "id": wanted.feed},
            "action": {"type": "Action", "id": "search" if wanted.search else "release"},
            "resource": {"type": "Camera", "id": str(wanted.camera) if known else "unknown"},
            "context": {
                "at": wanted.at_us,
                "captured": wanted.captured_us,
                "field": wanted.field,
                "full": wanted.full,
                "hit": hit,
                "listed": -1 if wanted.entries is None else len(wanted.entries),
                "stays": wanted.entries is not None
                and stays(wanted.entries, wanted.plate, wanted.captured_us, wanted.at_us),
                "lists": self._lists(wanted),
                "approved": list(wanted.approved),
                "kinds": list(wanted.kinds),
                "older": [age for age in sorted(self.ages) if wanted.at_us >= later(wanted.captured_us, age)],
                "local": {zone: _wall_clock(wanted.captured_us, zone) for zone in sorted(self.zones)},
            },
        }

    def _lists(self, wanted: Wanted) -> dict[str, Any]:
        """Return by name the lists that there are: what counts on them now, and how old they are."""
        found = {}
        for name, (against, put_us) in wanted.stood.items():
            entries = [entry for entry in wanted.entries or () if entry.kind == name]
            if entries:
                found[name] = {
                    "counting": sum(entry.listed_us <= wanted.at_us < entry.until_us for entry in entries),
                    "against": against,
                    "older": [age for age in sorted(self.ages) if wanted.at_us >= later(put_us, age)],
                }
        return found


def render(documents: Sequence[Committed], cameras: Sequence[Device]) -> Policies:
    """Return a world's documents, in the order of their commits, and its cameras as Cedar."""
    versions: dict[str, list[Committed]] = {}
    for item in documents:
        if item.kind == "authority":
            versions.setdefault(item.document["authority"]["name"], []).append(item)
    policies: list[str] = []
    zones: set[str] = set()
    ages: set[str] = set()
    for name, committed in versions.items():
        acts = [item for item in documents if item.document.get(item.kind, {}).get("authority") == name]
        decisions = [item for item in documents if item.kind == "decision"]
        for number, item in enumerate(committed):
            # Only what was committed after a version ends it, even in the same microsecond.
            ending = [act for act in documents[documents.index(item) + 1 :] if _ends(act)]
            policies.append(_version(name, item, committed[number + 1 :], acts, ending, decisions, cameras))
            zones |= {hours["zone"] for hours in item.document["scope"].get("hours", [])}
            search = item.document.get("search", {}) if item.document["authority"]["mode"] == "search" else {}
            zones |= {hours["zone"] for hours in search.get("hours", [])}
            ages |= {search["max_age"]} if search else set()
            ages |= {item.document["unlisted"]["stale_after"]} if "unlisted" in item.document else set()
            ages |= {tier["older_than"] for tier in search.get("tiers", [])}
        policies += _suspensions(name, acts)
    policies.append('forbid (principal, action == Action::"release", resource) when { context.full };')
    return Policies(
        "\n".join(policies), json.dumps(_entities(cameras)), cameras, frozenset(zones), frozenset(ages)
    )


def _entities(cameras: Sequence[Device]) -> list[dict[str, Any]]:
    return [
        {
            "uid": {"type": "Camera", "id": str(number)},
            "attrs": {}
            if camera.latitude is None or camera.longitude is None
            else {"latitude": _microdegrees(camera.latitude), "longitude": _microdegrees(camera.longitude)},
            "parents": [
                {"type": "Source", "id": camera.source},
                *({"type": "Group", "id": group} for group in sorted(set(camera.groups))),
            ],
        }
        for number, camera in enumerate(cameras)
    ]


def _version(
    name: str,
    item: Committed,
    later_ones: Sequence[Committed],
    acts: Sequence[Committed],
    ending: Sequence[Committed],
    decisions: Sequence[Committed],
    cameras: Sequence[Device],
) -> str:
    authority, scope = item.document["authority"], item.document["scope"]
    begins, ends = moment(authority["valid_from"]), moment(authority["valid_until"])
    in_force = max(item.at_us, begins)
    mode = authority["mode"]
    conditions = [
        f"context.at >= {in_force}",
        f"context.at < {ends}",
        _any(f"resource in Source::{_text(source)}" for source in scope["sources"]),
        f"{_set(scope['fields'])}.contains(context.field)",
    ]
    if scope["groups"]:
        conditions.append(_any(f"resource in Group::{_text(group)}" for group in scope["groups"]))
    if "area" in scope:
        area = {edge: _microdegrees(degrees) for edge, degrees in scope["area"].items()}
        conditions.append(
            "resource has latitude && resource has longitude"
            f" && resource.latitude >= {area['south']} && resource.latitude <= {area['north']}"
            f" && resource.longitude >= {area['west']} && resource.longitude <= {area['east']}"
        )
    if scope.get("hours"):
        conditions.append(_any(map(_hours, scope["hours"])))
    if authority.get("review_every"):
        conditions.append(_reviewed(authority, in_force, acts))
    if item.cap is not None:
        usable = _usable(scope, cameras, item.cap)
        conditions.append(_any(f'resource == Camera::"{number}"' for number in usable) if usable else "false")
    if item.due_us is not None:
        reference = f"{name}@{authority['version']}"
        covered = [f"context.at >= {one.at_us}" for one in decisions if reference in one.fulfils]
        conditions.append(_any([f"context.at < {item.due_us}", *covered]))
    if mode != "search":
        conditions += [f"context.captured >= {begins}", f"context.captured < {ends}"]
    if mode == "match":
        match = item.document["match"]
        conditions.append(f"context.listed >= 0 && context.listed <= {match['max_entries']}")
        conditions.append(f"{_set(match['kinds'])}.contains(context.hit)")
    if mode == "search":
        search = item.document["search"]
        conditions.append(f"{_set(search.get('questions', ['plate']))}.containsAll(context.kinds)")
        if search.get("hours"):
            conditions.append(_any(map(_hours, search["hours"])))
        conditions.append(f"!context.older.contains({_text(search['max_age'])})")
        tiers = search.get("tiers", [])
        for number, tier in enumerate(tiers):
            approvers = [later_tier["approver"] for later_tier in tiers[number:]]
            conditions.append(
                f"(!context.older.contains({_text(tier['older_than'])})"
                f" || {_set(approvers)}.containsAny(context.approved))"
            )
    if mode == "unlisted":
        conditions.append("!context.stays")
        conditions += [
            _fit(_text(one), item.document["unlisted"]) for one in item.document["unlisted"]["lists"]
        ]
    ended = [f"context.at >= {act.at_us}" for act in acts if act in ending]
    replaced = [
        f"context.at >= {max(other.at_us, moment(other.document['authority']['valid_from']))}"
        for other in later_ones
    ]
    unless = [*ended, *replaced]
    return (
        f'@id("{name}@{authority["version"]}")\n'
        f"permit (principal == Feed::{_text(name)}, "
        f'action == Action::"{"search" if mode == "search" else "release"}", resource)\n'
        f"when {{ {' && '.join(conditions)} }}"
        + (f"\nunless {{ {' || '.join(unless)} }}" if unless else "")
        + ";"
    )


def _fit(name: str, terms: Mapping[str, Any]) -> str:
    """Return that a list is there, was put lately, has enough entries that count, and has not shrunk by too much."""
    a_list, share = f"context.lists[{name}]", 1_000_000 - round(1_000_000 * terms["max_shrink"])
    return (
        f"(context.lists has {name} && !{a_list}.older.contains({_text(terms['stale_after'])})"
        f" && {a_list}.counting >= {terms['min_entries']}"
        f" && {a_list}.counting * 1000000 >= {a_list}.against * {share})"
    )


def _usable(scope: Mapping[str, Any], cameras: Sequence[Device], cap: int) -> list[int]:
    """Return the cameras of a scope that a cap leaves: those before which fewer than `cap` active ones stand."""
    found, before = [], 0
    for number, camera in enumerate(cameras):
        if camera.source not in scope["sources"]:
            continue
        if scope["groups"] and not set(scope["groups"]) & set(camera.groups):
            continue
        if "area" in scope:
            area = scope["area"]
            if camera.latitude is None or camera.longitude is None:
                continue
            if not (area["south"] <= camera.latitude <= area["north"]):
                continue
            if not (area["west"] <= camera.longitude <= area["east"]):
                continue
        if before < cap:
            found.append(number)
        before += camera.active
    return found


def _ends(act: Committed) -> bool:
    annuls = act.kind == "objection" and act.document["objection"]["annul"]
    return act.kind in {"revocation", "quashed"} or annuls


def _hours(hours: Mapping[str, Any]) -> str:
    clock = f"context.local[{_text(hours['zone'])}]"
    begin, end = _minutes(hours["from"]), _minutes(hours["until"])
    today = f"{_set(hours['days'])}.contains({clock}.day)"
    if begin < end:
        return f"({today} && {clock}.minute >= {begin} && {clock}.minute < {end})"
    after = [_DAYS[(_DAYS.index(day) + 1) % 7] for day in hours["days"]]
    tomorrow = f"{_set(after)}.contains({clock}.day)"
    return f"(({today} && {clock}.minute >= {begin}) || ({tomorrow} && {clock}.minute < {end}))"


def _reviewed(authority: Mapping[str, Any], in_force: int, acts: Sequence[Committed]) -> str:
    """Return when it was not overdue: from each review's commit until the next is due."""
    since = in_force
    spans = [(in_force, later(in_force, authority["review_every"]))]
    for act in acts:
        if act.kind == "review" and act.document["review"]["version"] == authority["version"]:
            since = max(since, moment(act.document["review"]["reviewed_at"]))
            spans.append((act.at_us, later(since, authority["review_every"])))
    return _any(f"context.at >= {begin} && context.at < {due}" for begin, due in spans)


def _suspensions(name: str, acts: Sequence[Committed]) -> list[str]:
    found = []
    for act in acts:
        stays = act.kind == "challenge" and act.document["challenge"]["stay"]
        if not (act.kind == "suspension" or stays):
            continue
        lifted = [
            f"context.at >= {other.at_us}"
            for other in acts
            if other.kind == "resumption"
            and other.document["resumption"]["suspension"] == act.document[act.kind]["id"]
        ]
        unless = f" unless {{ {' || '.join(lifted)} }}" if lifted else ""
        found.append(
            f"forbid (principal == Feed::{_text(name)}, action, resource) "
            f"when {{ context.at >= {act.at_us} }}{unless};"
        )
    return found


# --- facts, slowly -----------------------------------------------------------------------------------------


def moment(text: str) -> int:
    """Return a document's time as microseconds since the epoch."""
    since = datetime.fromisoformat(text.replace("Z", "+00:00")) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def later(at_us: int, age: str) -> int:
    """Return the time after a period such as `P28D`, `PT6H` or `P3M`: of months the same day, or the last there is."""
    number, unit = int(age.strip("PT")[:-1]), age[-1]
    start = _EPOCH + timedelta(microseconds=at_us)
    if unit != "M":
        step = timedelta(days=number) if unit == "D" else timedelta(hours=number)
        return at_us + step // timedelta(microseconds=1)
    year, month = start.year, start.month
    for _ in range(number):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    day = start.day
    while True:
        try:
            return (start.replace(year=year, month=month, day=day) - _EPOCH) // timedelta(microseconds=1)
        except ValueError:
            day -= 1


def _wall_clock(at_us: int, zone: str) -> dict[str, Any]:
    local = (_EPOCH + timedelta(microseconds=at_us)).astimezone(ZoneInfo(zone))
    return {"day": _DAYS[local.weekday()], "minute": local.hour * 60 + local.minute}


def _minutes(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _microdegrees(degrees: float) -> int:
    return round(degrees * 1_000_000)


# --- Cedar's words -----------------------------------------------------------------------------------------


def _text(text: str) -> str:
    return json.dumps(text)


def _set(texts: Iterable[str]) -> str:
    return json.dumps(list(texts))


def _any(conditions: Iterable[str]) -> str:
    return "(" + " || ".join(f"({condition})" for condition in conditions) + ")"
