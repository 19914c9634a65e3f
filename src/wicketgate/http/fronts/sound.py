"""What a front on another host says it checked, looked at once more: it may invent reads, and breaks nothing.

A front beside the gateway is its own child and runs its own code. One elsewhere may be somebody else's by now: what it
sends joins what others sent, so its form, its cameras and its times must be what a front makes. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec
import numpy as np

from wicketgate.base.clock import MINUTE_US
from wicketgate.base.errors import InputError
from wicketgate.commits.cameras import Camera
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.http.fronts.messages import FollowRead, Take, TakeFollowed, TakeImaged, Taken
from wicketgate.reads.columns import DTYPES, GATHERED
from wicketgate.reads.plates import pack_all

_COLUMNS: Final = {column.name: column for column in GATHERED if column.name not in {"patch", "overview"}}
"""Those that a front fills: references to images are made where images are stored."""
_REQUIRED: Final = {name for name, column in _COLUMNS.items() if not column.null}
_NUMBERS: Final = [name for name in _COLUMNS if name in DTYPES]
_LONGEST: Final = 64 * 1024
_LATE_US: Final = MINUTE_US
"""What passes between a check at a front and this one, at most."""


class SoundBounds(Protocol):
    """What a view says of times and cameras."""

    @property
    def cameras(self) -> Sequence[Camera]:
        """The cameras by number."""

    @property
    def clock_ahead_us(self) -> int:
        """How far a camera's clock may be ahead."""

    @property
    def too_old_us(self) -> int:
        """How old a read may be."""


def sound(message: Taken, view: SoundBounds, now_us: int) -> Taken:
    """Return a front's message, with nothing in it that no front makes.

    Keys of plates are made of the plates again.

    Raises
    ------
    InputError
        If there is something that no front makes.
    """
    if isinstance(message, TakeImaged):
        take = _sound(message.take, view, now_us)
        reads = range(len(take.camera_id))
        _demand(all(index in reads for index, *_ in message.bodies))
        return msgspec.structs.replace(message, take=take)
    if isinstance(message, Take):
        return _sound(message, view, now_us)
    if isinstance(message, TakeFollowed):
        for one in message.sightings:
            _demand_refused(message.source, one.refused)
            if one.row is not None:
                row = {name: [value] for name, value in one.row.items() if value is not None}
                _demand_columns(row, 1, message.source, view, now_us)
        return message
    assert isinstance(message, FollowRead)
    return message


def _sound(take: Take, view: SoundBounds, now_us: int) -> Take:
    n = len(take.camera_id)
    _demand(all(part is None or len(part) == n for part in (take.read_id, take.index)))
    _demand_refused(take.source, take.quarantined)
    if not n:
        return msgspec.structs.replace(take, columns={}, plate_key=None)
    many = take.plate_key is not None  # then numbers are arrays, and else none is: the intake goes by that
    _demand(all(isinstance(take.columns.get(name), bytes) == many for name in _NUMBERS))
    _demand_columns(take.columns, n, take.source, view, now_us)
    key = pack_all(take.columns["plate"]).tobytes() if many else None
    return msgspec.structs.replace(take, plate_key=key)


def _demand_columns(columns: Mapping[str, Any], n: int, source: str, view: SoundBounds, now_us: int) -> None:
    _demand(_REQUIRED - {"confidence"} <= columns.keys() <= _COLUMNS.keys())
    found = {name: _values(name, values, n) for name, values in columns.items()}
    cameras = view.cameras
    _demand(all(0 <= one < len(cameras) and cameras[one].source == source for one in set(found["camera"])))
    times = found["captured_us"]
    _demand(now_us - view.too_old_us - _LATE_US <= min(times))
    _demand(max(times) <= now_us + view.clock_ahead_us + _LATE_US)


def _values(name: str, values: Any, n: int) -> list[Any]:
    column, dtype = _COLUMNS[name], DTYPES.get(name)
    if isinstance(values, bytes):
        _demand(dtype is not None and len(values) == n * np.dtype(dtype).itemsize)
        return list(np.frombuffer(values, dtype).tolist())
    _demand(isinstance(values, list) and len(values) == n)
    scalars = {column.scalar, *([type(None)] if column.null or name == "confidence" else [])}
    scalars |= {int} if column.scalar is float else set()
    _demand({type(one) for one in values} <= scalars)
    if name == "confidence":
        _demand(all(one is None or one != one or 0 <= one <= 1 for one in values))  # NaN where it is not said
    if column.scalar is str:
        _demand(all(one is None or len(one) <= _LONGEST for one in values))
    return list(values)


def _demand_refused(source: str, refused: Iterable[tuple[int, QuarantinedRead]]) -> None:
    _demand(all(one.source == source for _, one in refused))


def _demand(good: bool) -> None:
    if not good:
        raise InputError("a front sent what no front of this version makes", code="malformed")
