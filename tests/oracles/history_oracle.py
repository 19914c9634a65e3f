"""Answers to questions, read by read: slow, plain, and written from docs/spec/history.md alone."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from wicketgate.history.places import CameraPlace
from wicketgate.history.questions import Question, SeenVehicle, vehicle_of

CLASSES = [set("0ODQ"), set("1I"), set("2Z"), set("5S"), set("6G"), set("8B")]


@dataclass(frozen=True, kw_only=True)
class KeptRead:
    """A read as a history has it."""

    read_id: int
    plate: str
    captured_us: int
    camera: int
    source: str
    vehicle: str | None = None


def looks_like(one: str, other: str) -> bool:
    """Whether two plates have as many characters, each the other's or of its class."""
    return len(one) == len(other) and all(
        a == b or any(a in alike and b in alike for alike in CLASSES) for a, b in zip(one, other, strict=True)
    )


def fits(pattern: str, plate: str) -> bool:
    """Whether a plate is one of a pattern's."""
    return (
        re.fullmatch("".join({"?": ".", "*": ".*"}.get(c, re.escape(c)) for c in pattern), plate) is not None
    )


def is_named(question: Question, plate: str) -> bool:
    """Whether a question that names plates means this one; one that names none means all."""
    if question.plates:
        return plate in question.plates or (
            question.lookalikes and any(looks_like(plate, one) for one in question.plates)
        )
    return not question.pattern or fits(question.pattern, plate)


def is_seen_so(asked: SeenVehicle, vehicle: str | None) -> bool:
    """Whether a camera said of the vehicle what is asked for."""
    seen = vehicle_of(json.loads(vehicle) if vehicle else {})
    return all(getattr(asked, name) in ("", getattr(seen, name)) for name in SeenVehicle.__slots__)


def answers(
    question: Question,
    reads: Sequence[KeptRead],
    *,
    cameras: Mapping[CameraPlace, Collection[int]],
    horizons_us: Mapping[str, int],
    hidden: Collection[int] = (),
) -> list[KeptRead]:
    """Return the reads that answer a question, in the order of their times.

    `cameras` are those of each place of the question that may be looked at; `horizons_us` says of each source before
    when nothing of it is kept; what is `hidden` was erased.
    """
    kept = [
        read
        for read in reads
        if read.source in horizons_us
        and read.captured_us >= horizons_us[read.source]
        and read.read_id not in hidden
        and is_seen_so(question.vehicle, read.vehicle)
    ]
    if question.scenes:
        seen: dict[str, set[int]] = {}
        chosen = []
        for read in kept:
            within = {
                n
                for n, scene in enumerate(question.scenes)
                if scene.from_us <= read.captured_us < scene.until_us and read.camera in cameras[scene.place]
            }
            if within:
                seen.setdefault(read.plate, set()).update(within)
                chosen.append(read)
        found = [read for read in chosen if len(seen[read.plate]) >= question.at_least]
    else:
        found = [
            read
            for read in kept
            if question.from_us <= read.captured_us < question.until_us
            and read.camera in cameras[question.place]
            and is_named(question, read.plate)
        ]
    return sorted(found, key=lambda read: (read.captured_us, read.read_id))
