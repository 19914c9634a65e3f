"""The cameras of the fold, and their scopes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from wicketgate.regime.documents.authority import Authority


class Camera(msgspec.Struct, frozen=True, kw_only=True):
    """A camera in the register.

    Its place in the list is its number for ever.
    """

    source: str
    id: str
    groups: tuple[str, ...]
    active: bool
    latitude: float | None = None
    longitude: float | None = None
    heading: float | None = None
    zone: str | None = None
    aliases: tuple[str, ...] = ()
    name: str | None = None
    ignore_offset: bool = False
    words: bool = False

    @property
    def shown_name(self) -> str:
        """The name for people: the id where its source gave none."""
        return self.id if self.name is None else self.name

    @property
    def position(self) -> tuple[float, float] | None:
        """The longitude and latitude, degrees; None where its source gave none."""
        if self.latitude is None or self.longitude is None:
            return None
        return self.longitude, self.latitude


class CameraChange(msgspec.Struct, frozen=True, array_like=True):
    """A camera's change at a time.

    The ledger had that many entries then. `past` folds the changes again.
    """

    entries: int
    at_us: int
    number: int
    camera: Camera


def in_scope(cameras: Sequence[Camera], authority: Authority, cap: int | None = None) -> NDArray[np.bool_]:
    """Return a mask of the cameras in an authority's scope, by number.

    Parameters
    ----------
    cap : int or None
        The most active cameras: those that were registered first. None is any number.
    """
    sources, groups, area = set(authority.scope.sources), set(authority.scope.groups), authority.scope.area
    found = np.array(
        [
            camera.source in sources
            and (not groups or not groups.isdisjoint(camera.groups))
            and (area is None or area.holds(camera.latitude, camera.longitude))
            for camera in cameras
        ],
        dtype=np.bool_,
    )
    if cap is not None:
        counted = found & active(cameras)
        # By those before it: one that was withheld, and that its source then took off the register, stays withheld.
        found &= np.cumsum(counted) - counted < cap
    return found


def active(cameras: Sequence[Camera]) -> NDArray[np.bool_]:
    """Return a mask of the active cameras, by number.

    A camera is active while its source lists it.
    """
    return np.array([camera.active for camera in cameras], dtype=np.bool_)


def cameras_in_scope(cameras: Sequence[Camera], authority: Authority) -> int:
    """Return the number of active cameras in an authority's scope.

    Whatever its most is.
    """
    return int(np.count_nonzero(in_scope(cameras, authority) & active(cameras)))
