"""The rows of an answer, one by one: slow, plain, and written from docs/spec/documents.md alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracles.cedar_oracle import Device, later

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def may_show(
    document: Mapping[str, Any],
    camera: Device,
    captured_us: int,
    at_us: int,
    kinds: Sequence[str],
    approved_by: Sequence[str],
    retention: str,
) -> bool:
    """Return whether an authority in force at a time lets a read be in an answer then."""
    scope, search = document["scope"], document["search"]
    tiers = search.get("tiers", [])
    passed = [n for n, tier in enumerate(tiers) if later(captured_us, tier["older_than"]) <= at_us]
    approvers = [tier["approver"] for tier in tiers[passed[-1] :]] if passed else []
    return (
        camera.source in scope["sources"]
        and (not scope["groups"] or bool(set(scope["groups"]) & set(camera.groups)))
        and all(kind in search.get("questions", ["plate"]) for kind in kinds)
        and captured_us <= at_us
        and later(captured_us, retention) > at_us
        and later(captured_us, search["max_age"]) > at_us
        and (not passed or bool(set(approvers) & set(approved_by)))
        and _in_hours(scope.get("hours", []), captured_us)
        and _in_hours(search.get("hours", []), captured_us)
    )


def _in_hours(hours: Sequence[Mapping[str, Any]], captured_us: int) -> bool:
    return not hours or any(_inside(item, captured_us) for item in hours)


def _inside(item: Mapping[str, Any], captured_us: int) -> bool:
    wall = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=captured_us)).astimezone(
        ZoneInfo(item["zone"])
    )
    minute, today, before = wall.hour * 60 + wall.minute, DAYS[wall.weekday()], DAYS[wall.weekday() - 1]
    begin, end = (int(item[edge][:2]) * 60 + int(item[edge][3:]) for edge in ("from", "until"))
    if begin < end:
        return today in item["days"] and begin <= minute < end
    return (today in item["days"] and minute >= begin) or (before in item["days"] and minute < end)
