"""The judging of outcomes before they are recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import HitRefused, InputError
from wicketgate.commits.cameras import Camera
from wicketgate.commits.hits import OpenHit, Sighting
from wicketgate.commits.transactions import HitRaised
from wicketgate.hotlists.hits import MOST_BY, MOST_REASON
from wicketgate.hotlists.journeys import impossible
from wicketgate.reads.plates import read_plate

SECOND_READ_US = 1800 * SECOND_US
"""How near in time an exact read of the same vehicle of interest must be to stand for an image."""
Said = Literal["confirmed", "misread", "acted", "not-acted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The work of whoever confirms a possible hit, before they do.

    Attributes
    ----------
    looker : str
        Who they are, as the look at an image names them: an officer, or a unit's machine.
    agrees : bool or None
        Whether the plate that they saw, and wrote down, is the one on the list; None where they wrote none.
    """

    looker: str
    agrees: bool | None = None


def judge_outcome(
    hit_id: str,
    hit: OpenHit | None,
    known: bool,
    seen: Sequence[Sighting],
    said: str,
    reason: str,
    by: str,
    compared: Comparison | None = None,
    *,
    contradicted: bool = False,
    cameras: Iterable[Camera] = (),
) -> Said:
    """Return an outcome fit to be recorded.

    Parameters
    ----------
    hit : OpenHit or None
        The hit, if it has not ended.
    known : bool
        Whether it was ever raised.
    seen : sequence of Sighting
        The hits for the same vehicle of interest, itself among them.
    compared : Comparison, optional
        How a possible hit was compared before it is confirmed; without it only what can be said beforehand is judged.
    contradicted : bool
        Whether the camera saw another make, model or colour than is listed.
    cameras : iterable of Camera
        Where the hits were: reads that no one vehicle can have made do not bear each other out.

    Raises
    ------
    InputError
        If it is no outcome, or a text is too long.
    HitRefused
        `unknown-hit`, `already-ended`, `reason-missing`, `not-confirmed`, `needs-image`; of a possible hit
        `needs-look`, `seen-missing`, `seen-differs`.
    """
    if said not in get_args(Said):
        raise InputError(f"`outcome` is one of {', '.join(get_args(Said))}")
    if len(reason) > MOST_REASON or len(by) > MOST_BY:
        raise InputError(f"`reason` has at most {MOST_REASON} characters and `by` at most {MOST_BY}")
    if hit is None:
        if known:
            raise HitRefused("this hit has ended: an outcome is recorded once", code="already-ended")
        raise HitRefused("there is no such hit", code="unknown-hit")
    if said == "not-acted" and not reason.strip():
        raise HitRefused("say why nothing was done: `reason`", code="reason-missing")
    if said == "acted" and not hit.confirmed:
        raise HitRefused("only a confirmed hit can be acted on: confirm it first", code="not-confirmed")
    if said == "confirmed":
        if hit.confirmed:
            raise HitRefused("this hit is confirmed already", code="already-ended")
        borne_out = hit.imaged or (not contradicted and _read_again(hit_id, hit, seen, cameras))
        if hit.quality == "possible" and not borne_out:
            raise HitRefused(
                "a possible hit is confirmed against its image, or an exact read near it that nothing contradicts, "
                "and there is neither",
                code="needs-image",
            )
        if hit.quality == "possible" and compared is not None:
            _demand_compared(hit, compared)
    return said  # type: ignore[return-value]  # looked at above


def is_wrong_read(hit: HitRaised, said: str, plate_seen: str) -> bool:
    """Return whether an outcome establishes that the camera misread the plate.

    Of an exact hit `misread` says so. Of a possible one it says that the vehicle is not the one on the list, and the
    read may be right: there the plate that was seen must be another than the one that was read.
    """
    if said != "misread":
        return False
    seen = read_plate(plate_seen) if plate_seen.strip() else None
    read = hit.plate or (hit.listed if hit.quality == "exact" else None)
    if isinstance(seen, str) and read is not None:
        return seen != read
    return hit.quality == "exact"


def _demand_compared(hit: OpenHit, compared: Comparison) -> None:
    if hit.imaged and compared.looker not in hit.lookers:
        raise HitRefused("open the image of this possible hit before you confirm it", code="needs-look")
    if compared.agrees is None:
        raise HitRefused(
            "write down the plate as you see it: a possible hit is not confirmed by a key alone",
            code="seen-missing",
        )
    if not compared.agrees:
        raise HitRefused(
            "the plate that you see is not the one on the list: this is a misread", code="seen-differs"
        )


def _read_again(hit_id: str, hit: OpenHit, seen: Sequence[Sighting], cameras: Iterable[Camera]) -> bool:
    """Return whether an exact read bears a possible hit out: another look-alike would be the same innocent vehicle."""
    near = [
        other
        for other in seen
        if other.exact and other.hit != hit_id and abs(other.taken_us - hit.taken_us) <= SECOND_READ_US
    ]
    if hit.clone or not near:
        return False  # a read that another one contradicts is not borne out by it
    positions = {
        f"{camera.source}/{camera.id}": (camera.latitude, camera.longitude)
        for camera in cameras
        if camera.latitude is not None and camera.longitude is not None
    }
    return not impossible(near, positions.get(hit.place), hit.taken_us, positions)
