"""Cameras by their names.

A name is an id or an alias, and means one registered camera of a source.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from wicketgate.base.errors import InputError
from wicketgate.base.hours import load_zone
from wicketgate.commits.cameras import Camera
from wicketgate.commits.transactions import (
    CAMERA_GROUP,
    CAMERA_ID,
    MAX_ALIAS,
    MAX_ALIASES,
    MAX_CAMERA_NAME,
    CameraSet,
)

_ID = re.compile(CAMERA_ID, re.ASCII)
_GROUP = re.compile(CAMERA_GROUP, re.ASCII)


_LONGEST_NAME = 128
_SEVERAL = -1
MAX_GROUPS = 64
"""Groups of one camera."""
_MOST_GROUPS = 500


def check_cameras(cameras: Sequence[CameraSet]) -> None:
    """Check a source's cameras before they are registered.

    Raises
    ------
    InputError
        If an id, group, alias, zone or position cannot be one, or a name stands for two cameras.
    """
    owners: dict[str, str] = {camera.id: camera.id for camera in cameras}
    if len({group for camera in cameras for group in camera.groups}) > _MOST_GROUPS:
        raise InputError(f"more than {_MOST_GROUPS} groups: the log has room for no more")
    for camera in cameras:
        if not _ID.fullmatch(camera.id):
            raise InputError(
                "ids have 1 to 64 letters, digits, `_`, `.`, `:` or `-`, and spaces between them"
            )
        if len(camera.groups) > MAX_GROUPS:
            raise InputError(f"a camera is in at most {MAX_GROUPS} groups")
        if not all(_GROUP.fullmatch(group) for group in camera.groups):
            raise InputError("groups have 1 to 64 letters, digits, `_`, `.`, `:` or `-`")
        _check_place(camera)
        if camera.name is not None and not _is_text(camera.name, MAX_CAMERA_NAME):
            raise InputError(
                f"names have 1 to {MAX_CAMERA_NAME} printable characters, with no space at either end"
            )
        if camera.zone is not None:
            load_zone(camera.zone)
        if camera.ignore_offset and camera.zone is None:
            raise InputError("whose offset is ignored has a `zone`: its time is read as local there")
        if len(camera.aliases) > MAX_ALIASES:
            raise InputError(f"a camera has at most {MAX_ALIASES} aliases")
        for alias in camera.aliases:
            if not _is_text(alias, MAX_ALIAS):
                raise InputError(
                    f"aliases have 1 to {MAX_ALIAS} printable characters, with no space at either end"
                )
            if owners.setdefault(alias, camera.id) != camera.id:
                raise InputError(
                    "an alias is the id or an alias of another camera: no payload could tell them apart"
                )


def _is_text(text: str, most: int) -> bool:
    return text == text.strip() and 0 < len(text) <= most and text.isprintable()


def _check_place(camera: CameraSet) -> None:
    latitude, longitude, heading = camera.latitude, camera.longitude, camera.heading
    if (latitude is None) != (longitude is None):
        raise InputError("a position has `latitude` and `longitude`: send both, or leave both out")
    if latitude is not None and longitude is not None:
        if latitude == 0 and longitude == 0:
            raise InputError("0,0 is no position: leave both out")
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            raise InputError("`latitude` lies between -90 and 90, `longitude` between -180 and 180")
    if heading is not None and not 0 <= heading <= 360:
        raise InputError("`heading` lies between 0 and 360 degrees")


def withdrawn_from(before: Sequence[Camera], behind: Sequence[Camera]) -> frozenset[str]:
    """Return the sources of which a camera has been withdrawn."""
    # A camera that is new has no former state, and none leaves the list.
    return frozenset(
        now.source
        for former, now in zip(before, behind, strict=False)
        if former is not now and former.active and not now.active
    )


_MAC = re.compile(r"([0-9a-f]{2}(?:[:.-]?[0-9a-f]{2}){5})(?:-([0-9]{1,5}))?", re.ASCII)


def folded(name: str) -> str:
    """Return what a name is compared by where it is not known as it stands.

    Firmwares differ in capitals, in blanks, and in what they put between the digits of a MAC.

    >>> folded("00:00:5E:00:53:0A-1"), folded("00005e00530a"), folded("DS-TCG406-E 2099AI")
    ('00005e00530a-1', '00005e00530a', 'ds-tcg406-e2099ai')
    """
    small = "".join(unicodedata.normalize("NFKC", name[:_LONGEST_NAME]).casefold().split())
    match = _MAC.fullmatch(small)
    if match is None:
        return small
    digits = re.sub("[:.-]", "", match[1])
    return digits if match[2] is None else f"{digits}-{match[2]}"


class CameraRegister(Protocol):
    """Whatever holds the register of cameras."""

    @property
    def revision(self) -> int:
        """Another one whenever a camera has changed."""
        ...

    @property
    def cameras(self) -> Sequence[Camera]:
        """The cameras: a camera's place is its number."""
        ...


class CameraNames:
    """The active cameras of each source, by id and by alias.

    An alias is another name under which a camera is registered. A name that is no camera's as it stands is compared
    once more without what firmwares differ in (`folded`), and counts where it is one camera's alone.

    Parameters
    ----------
    state : callable
        Returns the committed state; what was made of it is kept until its `revision` changes.
    """

    def __init__(self, state: Callable[[], CameraRegister]) -> None:
        self._state = state
        self._revision = -1
        self._ids: dict[str, dict[str, int]] = {}
        self._names: dict[str, dict[str, int]] = {}
        self._folded: dict[str, dict[str, int]] = {}
        self._words: frozenset[int] = frozenset()

    def words(self) -> frozenset[int]:
        """Return the numbers of the cameras where plates without a digit are issued."""
        self._refresh()
        return self._words

    def ids(self, source: str) -> Mapping[str, int]:
        """Return the numbers of a source's active cameras by their ids."""
        self._refresh()
        return self._ids.get(source, {})

    def find(self, source: str, names: Iterable[str]) -> tuple[int, Camera] | None:
        """Return the camera of the first known name, and its number.

        An id goes before an alias, and a name as it stands before one that is alike.
        """
        self._refresh()
        known = self._names.get(source)
        if known:
            for name in names:
                number = known.get(name.strip())
                if number is None:
                    number = self._folded[source].get(folded(name), _SEVERAL)
                if number != _SEVERAL:
                    return number, self._state().cameras[number]
        return None

    def _refresh(self) -> None:
        state = self._state()
        if self._revision == state.revision:
            return
        self._ids, self._names = {}, {}
        for number, camera in enumerate(state.cameras):
            if camera.active:
                self._ids.setdefault(camera.source, {})[camera.id] = number
                names = self._names.setdefault(camera.source, {})
                for alias in camera.aliases:
                    names.setdefault(alias, number)
        for source, ids in self._ids.items():
            self._names[source].update(ids)
        self._folded = {source: _alike(names) for source, names in self._names.items()}
        self._words = frozenset(number for number, camera in enumerate(state.cameras) if camera.words)
        self._revision = state.revision


def _alike(names: Mapping[str, int]) -> dict[str, int]:
    """Return the cameras by their folded names; one that stands for two cameras stands for none."""
    found: dict[str, int] = {}
    for name, number in names.items():
        if found.setdefault(folded(name), number) != number:
            found[folded(name)] = _SEVERAL
    return found
