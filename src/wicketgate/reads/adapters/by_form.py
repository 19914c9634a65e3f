"""The reading of a payload by a form (`forms`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from wicketgate.base.errors import InputError
from wicketgate.reads.adapters.adapter import DeviceAdapter, Outcome
from wicketgate.reads.adapters.file_names import FileNameTemplate
from wicketgate.reads.adapters.forms import AdapterForm, FormTest, paths_of
from wicketgate.reads.adapters.json import looks_like_json
from wicketgate.reads.adapters.moments import first_moment, in_zone
from wicketgate.reads.adapters.multipart import Part, parts
from wicketgate.reads.adapters.paths import (
    CompiledPath,
    JsonPlace,
    NamedPlace,
    PathPlace,
    XmlPlace,
    compiled,
    csv_places,
)
from wicketgate.reads.adapters.values import (
    base64_image,
    bounded,
    confidence_of,
    event_id,
    is_image,
    lane,
    marks,
    names,
    plate_text,
    short_text,
    unreadable,
    vehicle,
    without_colour,
)
from wicketgate.reads.adapters.xml import looks_like_xml
from wicketgate.reads.observations import (
    Direction,
    Gone,
    ImageKind,
    Keepalive,
    Observation,
    Parsed,
    Payload,
    Unreadable,
)

_OURS: Final = "camera"
"""The one field of an address that is no value: it says which camera sends."""


_WHOLE: Final = ("$", "$$", "/", ".")
"""Paths of the whole message, at which any message is."""


@dataclass(frozen=True, slots=True)
class _Message:
    """A message by a form: its passages, and the pictures that came with it.

    `holds` is whether there was anything in it.
    """

    passages: list[PathPlace]
    pictures: list[Part]
    holds: bool = True


class FormAdapter:
    """The adapter of a form.

    Raises
    ------
    InputError
        If a path of the form cannot be looked up, its zone is none, or its template cannot be read.
    """

    def __init__(self, name: str, form: AdapterForm) -> None:
        self._form = form
        self._name = name
        self._paths: dict[str, CompiledPath] = {
            path: compiled(path, form.format) for path in dict.fromkeys(paths_of(form))
        }
        self._template = None if form.file_name is None else FileNameTemplate(form.file_name)
        if form.time.zone is not None:
            in_zone(datetime(2026, 1, 1), form.time.zone)  # noqa: DTZ001 - only to see that there is such a zone

    def adapter(self) -> DeviceAdapter:
        """Return it as any other adapter."""
        by_name = self._form.format in ("query", "file-name")
        return DeviceAdapter(
            self.read, None if self._form.answer is None else self._answer, takes_query=by_name
        )

    def _answer(self, payload: Payload, outcome: Outcome) -> tuple[str, bytes]:
        answer = self._form.answer
        assert answer is not None, "asked for where there is one"
        return answer.type, answer.body.encode()

    def read(self, payload: Payload) -> Parsed:
        """Read a payload.

        Raises
        ------
        InputError
            If it is none of this form's, or has neither a passage nor a sign of life.
        """
        form, message = self._form, self._message(payload)
        if not message.holds:
            return (Keepalive(),)
        passages = bounded(message.passages)
        first = passages[0] if passages else None
        if first is not None and any(self._holds(first, test) for test in form.signs):
            return (Keepalive(cameras=self._cameras(first)),)
        found, is_known = self._each(passages)
        with_plates = [one for one in bounded(found) if all(self._holds(one, test) for test in form.only)]
        if not is_known:
            with_plates = [one for one in with_plates if self._speaks_of_a_plate(one)]
        if not with_plates:
            if is_known:
                return (Keepalive(cameras=self._cameras(found[0])),)  # other events of its form
            raise InputError("no passage, and no sign of life, of this form")
        alone = len(with_plates) == 1
        return tuple(
            self._passage(one, number, message.pictures, alone) for number, one in enumerate(with_plates)
        )

    # --- the message ----------------------------------------------------------------------------------------------

    def _message(self, payload: Payload) -> _Message:
        form = self._form
        if form.format == "query":
            place = NamedPlace.of_pairs(payload.query.decode("latin-1"))
            pictures = [part for part in parts(payload) if is_image(part.data)] if payload.body else []
            holds = any(not self._is_ours(pair) for pair in payload.query.split(b"&") if pair)
            return _Message([place], pictures, holds or bool(pictures))
        pieces = parts(payload)
        pictures = [part for part in pieces if is_image(part.data)]
        if form.format == "file-name":
            return self._by_name(pictures, bool(payload.body.strip()))
        texts = [part for part in pieces if not is_image(part.data) and part.data.strip()]
        if form.format == "form":
            return _Message([_form_of(texts)], pictures)
        if form.format == "csv":
            lines = [line for part in texts for line in csv_places(part.data, form.columns, form.separator)]
            return _Message(lines, pictures)
        looks, read = (
            (looks_like_json, JsonPlace.read) if form.format == "json" else (looks_like_xml, XmlPlace.read)
        )
        places: list[PathPlace] = [read(part.data) for part in texts if looks(part.data)]
        if not places:
            raise InputError(f"no {form.format.upper()} in the body")
        return _Message(places, pictures)

    def _speaks_of_a_plate(self, place: PathPlace) -> bool:
        paths = (*self._form.plate, *(self._form.tracked or ()))
        return any(place.find(self._paths[path]) for path in paths)

    def _each(self, passages: Sequence[PathPlace]) -> tuple[list[PathPlace], bool]:
        """Return the passages of messages, and whether they are known by where they stand."""
        for path in self._form.each or ():
            found = [one for place in passages for one in place.each(self._paths[path])]
            if found:
                return found, path not in _WHOLE
        return list(passages), False

    @staticmethod
    def _is_ours(pair: bytes) -> bool:
        return pair.partition(b"=")[0] == _OURS.encode()

    def _by_name(self, pictures: list[Part], holds: bool) -> _Message:
        assert self._template is not None, "the form has one"
        for part in pictures:
            for label in part.labels:
                values = self._template.values(label)
                if values is not None:
                    return _Message([NamedPlace(values)], pictures)
        if holds:
            raise InputError("no picture whose name is of the template")
        return _Message([], [], holds=False)

    # --- a passage ------------------------------------------------------------------------------------------------

    def _first(self, place: PathPlace, paths: Sequence[str] | None) -> Any:
        for path in paths or ():
            for value in place.find(self._paths[path]):
                if value not in (None, "", [], {}):
                    return value
        return None

    def _cameras(self, place: PathPlace) -> tuple[str, ...]:
        return names(*(self._first(place, [path]) for path in self._form.camera or ()))

    def _holds(self, place: PathPlace, test: FormTest) -> bool:
        found = [value for path in test.paths for value in place.find(self._paths[path])]
        if not test.words:
            return bool(found)
        words = {word.lower() for word in test.words}
        return any(_word(value) in words for value in found)

    def _passage(
        self, place: PathPlace, number: int, pictures: Sequence[Part], alone: bool
    ) -> Observation | Unreadable | Gone:
        form, cameras = self._form, self._cameras(place)
        text, written = self._first(place, form.plate), self._written(place)
        tracked = short_text(self._first(place, form.tracked), 128)
        final = not tracked or (form.last is not None and self._holds(place, form.last))
        is_there = any(place.find(self._paths[path]) for path in form.plate)
        if not is_there and tracked and final:
            return Gone(cameras=cameras, tracked=tracked)
        try:
            if not is_there:
                raise InputError("a passage without a plate")
            captured_at = first_moment(*written, order=form.time.order)
            if captured_at.tzinfo is None and form.time.zone is not None:
                captured_at = in_zone(captured_at, form.time.zone)
        except InputError as error:
            return unreadable(cameras, error, {"plate": text, "time": next(iter(written), None)})
        plate, colour = without_colour(plate_text(text))
        sure, sureness = self._confidence(place)
        images, missing = self._images(place, pictures, alone)
        return Observation(
            cameras=cameras,
            captured_at=captured_at,
            plate=plate,
            confidence=sure,
            id=self._id(place, cameras, number, captured_at),
            lane=lane(self._first(place, form.lane)),
            direction=self._direction(place),
            vehicle=self._vehicle(place),
            images=images,
            tracked=tracked or None,
            final=final,
            marks=marks(colour, sureness, ("image-missing",) if missing else ()),
        )

    def _written(self, place: PathPlace) -> list[Any]:
        time = self._form.time
        found = [self._first(place, [path]) for path in time.paths]
        if time.join is None:
            return [value for value in found if value is not None]
        texts = [short_text(value) for value in found]
        return [time.join.join(texts)] if all(texts) else []

    def _confidence(self, place: PathPlace) -> tuple[float | None, tuple[str, ...]]:
        said = self._form.confidence
        if said is None:
            return None, ("confidence-unknown",)
        return confidence_of(self._first(place, said.paths), said.most)

    def _vehicle(self, place: PathPlace) -> dict[str, str] | None:
        said = self._form.vehicle
        if said is None:
            return None
        return vehicle(
            make=self._first(place, said.make),
            model=self._first(place, said.model),
            colour=self._first(place, said.colour),
            kind=self._first(place, said.kind),
        )

    def _direction(self, place: PathPlace) -> Direction | None:
        said = self._form.direction
        if said is None:
            return None
        word = _word(self._first(place, said.paths))
        if word in {one.lower() for one in said.towards}:
            return "towards"
        return "away" if word in {one.lower() for one in said.away} else None

    def _id(
        self, place: PathPlace, cameras: tuple[str, ...], number: int, captured_at: datetime
    ) -> str | None:
        given = short_text(self._first(place, self._form.id), 256)
        if not given or not cameras:
            return None
        # With its time, so that a device that counts from 1 after a restart does not give two reads one id; and with
        # its place, where one id is a whole message's.
        return event_id(self._name, cameras[0], given, captured_at.isoformat(), str(number))

    def _images(
        self, place: PathPlace, pictures: Sequence[Part], alone: bool
    ) -> tuple[dict[ImageKind, bytes], bool]:
        said = self._form.images
        if said is None and self._form.format in ("file-name", "query") and alone and len(pictures) == 1:
            return {"overview": pictures[0].data}, False  # the picture whose name it is
        if said is None:
            return {}, bool(pictures)
        images: dict[ImageKind, bytes] = {}
        announced = bool(pictures)
        kinds: tuple[tuple[ImageKind, Sequence[str] | None, Sequence[str]], ...] = (
            ("patch", said.patch, said.patch_parts),
            ("overview", said.overview, said.overview_parts),
        )
        for kind, paths, labels in kinds:
            text = self._first(place, paths)
            data = base64_image(text)
            if data is None and alone:
                wanted = {label.lower() for label in labels}
                own = [part for part in pictures if not wanted.isdisjoint(part.labels)]
                own = own or (list(pictures) if "*" in wanted and len(pictures) == 1 else [])
                data = own[0].data if len(own) == 1 else None
            announced = announced or bool(text)
            images |= {} if data is None else {kind: data}
        return images, announced and not images


def _form_of(texts: Sequence[Part]) -> NamedPlace:
    """Return the fields of a form: urlencoded, or parts by their names."""
    named = [part for part in texts if part.labels]
    if named:
        return NamedPlace.of_fields(
            (part.labels[-1], part.data[:4096].decode(errors="replace").strip()) for part in named
        )
    if len(texts) != 1 or b"=" not in texts[0].data:
        raise InputError("no form in the body")
    return NamedPlace.of_pairs(texts[0].data.decode(errors="replace").strip())


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return short_text(value, 128).lower()
