"""A maker's payloads by a form in TOML: where the members are, and what their zones and scales are.

Pure. docs/adapters.md has the form's members, and three examples. Nothing is guessed: a form says what a maker
documents.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.reads.adapters.moments import Order
from wicketgate.reads.adapters.paths import Format

MAX_FORM: Final = 32 * 1024
NAME: Final = r"[a-z0-9][a-z0-9-]{0,39}"
_Paths = Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=12)]
_Words = Annotated[tuple[Annotated[str, msgspec.Meta(max_length=64)], ...], msgspec.Meta(max_length=64)]


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An unknown member is refused."""


class FormTest(_Strict, frozen=True, kw_only=True):
    """What a message or a passage holds: a value at one of some paths, one of some words where these are named."""

    paths: _Paths
    words: _Words = ()


class FormTime(_Strict, frozen=True, kw_only=True):
    """When a read was captured.

    Attributes
    ----------
    paths : tuple of str
        Tried in order; with `join` all of them make one text, a date and a time for instance.
    zone : str, optional
        Of times that have none, where the maker documents it, by its IANA name; left out, the one that the source
        registered for the camera.
    order : "day-first" or "month-first", optional
        Of dates that end with their year, where the maker documents it.
    """

    paths: _Paths
    join: Annotated[str, msgspec.Meta(max_length=8)] | None = None
    zone: str | None = None
    order: Order | None = None


class FormConfidence(_Strict, frozen=True, kw_only=True):
    """How sure the device is, and the most that it can be: 1, 100, 255."""

    paths: _Paths
    most: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]


class FormDirection(_Strict, frozen=True, kw_only=True):
    """Which of the maker's words mean towards the camera, and which away from it."""

    paths: _Paths
    towards: _Words = ()
    away: _Words = ()


class FormVehicle(_Strict, frozen=True, kw_only=True):
    """What the device says of the vehicle."""

    make: _Paths | None = None
    model: _Paths | None = None
    colour: _Paths | None = None
    kind: _Paths | None = None


class FormImages(_Strict, frozen=True, kw_only=True):
    """Where the pictures are: within the message in base64, or parts of the form by their names.

    Attributes
    ----------
    patch, overview : tuple of str, optional
        Paths of base64 texts.
    patch_parts, overview_parts : tuple of str
        Names of parts, or of their files; `*` is the only picture that came.
    """

    patch: _Paths | None = None
    overview: _Paths | None = None
    patch_parts: _Words = ()
    overview_parts: _Words = ()


class FormAnswer(_Strict, frozen=True, kw_only=True):
    """What the device waits for."""

    type: Annotated[str, msgspec.Meta(pattern=r"^[a-z]+/[a-z.+-]+(; charset=utf-8)?$")]
    body: Annotated[str, msgspec.Meta(max_length=4096)]


class AdapterForm(_Strict, frozen=True, kw_only=True):
    """One maker's payloads.

    Attributes
    ----------
    version : int
        Of the form's own form.
    format : Format
        How the message is written.
    about : str
        For people: which devices, and where their maker documents this.
    each : tuple of str, optional
        The passages of a message, at the first of these paths where there are some; left out, the message is one.
    only : tuple of FormTest
        Of the passages those that hold a plate: each of these must hold. Others are signs of life.
    signs : tuple of FormTest
        What makes a whole message a sign of life: one of these.
    plate, camera, lane, id : tuple of str
        Paths, the first that has a value counts; of `camera` all of them are names, the surest first.
    tracked : tuple of str, optional
        The device's id of a vehicle that it follows over several messages.
    last : FormTest, optional
        What the last message of such a vehicle holds.
    columns : tuple of str
        Of CSV without a first line that names them.
    file_name : str
        The template of files' names, for the format `file-name`.
    """

    version: Literal[1] = 1
    format: Format
    about: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    each: _Paths | None = None
    only: Annotated[tuple[FormTest, ...], msgspec.Meta(max_length=8)] = ()
    signs: Annotated[tuple[FormTest, ...], msgspec.Meta(max_length=16)] = ()
    plate: _Paths
    camera: _Paths | None = None
    lane: _Paths | None = None
    id: _Paths | None = None
    tracked: _Paths | None = None
    last: FormTest | None = None
    time: FormTime
    confidence: FormConfidence | None = None
    direction: FormDirection | None = None
    vehicle: FormVehicle | None = None
    images: FormImages | None = None
    answer: FormAnswer | None = None
    columns: _Words = ()
    separator: Annotated[str, msgspec.Meta(min_length=1, max_length=1)] = ","
    file_name: str | None = None


def read_form(text: str) -> AdapterForm:
    """Return a form from its text.

    Raises
    ------
    InputError
        If it is too large, no TOML, or has a member that is unknown, missing or of another kind.
    """
    if len(text.encode(errors="replace")) > MAX_FORM:
        raise InputError(f"a form has at most {MAX_FORM} bytes")
    try:
        form = msgspec.convert(_as_lists(tomllib.loads(text)), AdapterForm)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not TOML: {error}") from error
    except (msgspec.ValidationError, RecursionError) as error:
        raise InputError(f"no form of an adapter: {error}") from error
    if (form.format == "file-name") != (form.file_name is not None):
        raise InputError("`file_name` is there with the format `file-name`, and with no other")
    if form.last is not None and form.tracked is None:
        raise InputError("`last` says when a followed vehicle has left: `tracked` says which")
    return form


def _as_lists(value: Any, name: str = "") -> Any:
    """Return a table in which a path that stands alone is a list of one."""
    if isinstance(value, dict):
        return {key: _as_lists(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [_as_lists(member) for member in value]
    if isinstance(value, str) and name in _LISTED:
        return [value]
    return value


_LISTED: Final[frozenset[str]] = frozenset(
    {
        *(
            "camera",
            "colour",
            "each",
            "id",
            "kind",
            "lane",
            "make",
            "model",
            "overview",
            "overview_parts",
            "patch",
        ),
        *("patch_parts", "paths", "plate", "tracked"),
    }
)


def paths_of(form: AdapterForm) -> Sequence[str]:
    """Return all paths of a form."""
    of = [form.plate, form.camera, form.lane, form.id, form.tracked, form.time.paths]
    of += [part.paths for part in (form.confidence, form.direction) if part is not None]
    if form.vehicle is not None:
        of += [form.vehicle.make, form.vehicle.model, form.vehicle.colour, form.vehicle.kind]
    if form.images is not None:
        of += [form.images.patch, form.images.overview]
    of += [
        form.each,
        *(test.paths for test in (*form.only, *form.signs, *([form.last] if form.last else []))),
    ]
    return [path for some in of for path in some or ()]
