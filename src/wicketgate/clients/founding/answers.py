"""The answers from which a charter is written, and the offices that its template needs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.base.periods import parse_period
from wicketgate.regime.charter.values import NAME
from wicketgate.regime.documents.document import parse_toml
from wicketgate.regime.members import ORIGIN

Template = Literal["council", "city", "police-region"]
Rhythm = Literal["hour", "day", "month"]

MOST_BYTES = 256 * 1024
"""Of a file of answers."""

_Id = Annotated[str, msgspec.Meta(pattern=f"^{NAME.pattern}$", max_length=64)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Key = Annotated[str, msgspec.Meta(max_length=200)]


class Party(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One organisation."""

    id: _Id
    name: _Name


class Police(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The police, with the one unit that gets the first list.

    Attributes
    ----------
    kinds : tuple of str
        Why a vehicle may be listed.
    """

    id: _Id
    name: _Name
    unit: _Id
    unit_name: _Name
    kinds: Annotated[tuple[_Id, ...], msgspec.Meta(min_length=1, max_length=50)] = (
        "stolen",
        "failed-to-stop",
        "missing-person",
    )


class OfficePost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who holds an office, and the public halves of keys that were made elsewhere."""

    id: Annotated[str, msgspec.Meta(max_length=140)]
    holder: _Name
    title: Annotated[str, msgspec.Meta(max_length=200)] = ""
    key: _Key = ""
    opening_key: _Key = ""


class FoundingAnswers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that `wicketgate new` asks.

    Attributes
    ----------
    origin : str
        The origin of the log, for which everything is signed: it never changes.
    sources : tuple of Party
        Whose cameras. A council and a city come first in their own.
    operator : Party or None
        Who runs the machine; None is the first source, in a police region the police.
    figures : str
        For how long one public count of traffic stands: it never changes.
    retention : str
        How long each source keeps its reads.
    cameras : int
        How many cameras the first authorities may cover at most.
    """

    template: Template = "council"
    origin: Annotated[str, msgspec.Meta(pattern=f"^{ORIGIN.pattern}$", max_length=200)]
    sources: Annotated[tuple[Party, ...], msgspec.Meta(min_length=1, max_length=50)]
    police: Police
    overseer: Party
    operator: Party | None = None
    figures: Rhythm
    retention: str = "PT0S"
    cameras: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    offices: Annotated[tuple[OfficePost, ...], msgspec.Meta(max_length=200)]

    @property
    def home(self) -> Party | Police:
        """The organisation whose gateway it is: it signs the charter with the overseer."""
        return self.police if self.template == "police-region" else self.sources[0]

    def post(self, office: str) -> OfficePost:
        """Return who holds an office."""
        return next(one for one in self.offices if one.id == office)


def parse_answers(data: bytes) -> FoundingAnswers:
    """Return the answers in a TOML file.

    Raises
    ------
    InputError
        If it is too long, no TOML, lacks an answer, or has one that the template does not ask for.
    """
    if len(data) > MOST_BYTES:
        raise InputError(f"the answers are longer than {MOST_BYTES} bytes")
    try:
        answers = msgspec.convert(parse_toml(data), FoundingAnswers)
    except msgspec.ValidationError as error:
        raise InputError(f"the answers: {error}") from error
    check_answers(answers)
    return answers


def check_answers(answers: FoundingAnswers) -> None:
    """Refuse answers that do not fit one another."""
    parse_period(answers.retention)
    parties = [answers.police.id, answers.overseer.id, *(one.id for one in answers.sources)]
    if answers.operator is not None:
        parties.append(answers.operator.id)
    twice = sorted({one for one in parties if parties.count(one) > 1})
    if twice:
        raise InputError(f"the answers: `{twice[0]}` is the id of two organisations")
    if answers.template == "council" and len(answers.sources) != 1:
        raise InputError("the answers: a council is one source; `city` and `police-region` have several")
    wanted, named = dict(offices_of(answers)), [one.id for one in answers.offices]
    for office in wanted:
        if named.count(office) != 1:
            raise InputError(f"the answers: `offices` must say once who holds `{office}` ({wanted[office]})")
    for office in named:
        if office not in wanted:
            raise InputError(
                f"the answers: the template has no office `{office[:140]}`; it has {', '.join(wanted)}"
            )
    for one in answers.offices:
        if one.opening_key and not is_overseers(answers, one.id):
            raise InputError(
                f"the answers: `{one.id}` is no office of the overseer, and has no `opening_key`"
            )


def offices_of(answers: FoundingAnswers) -> Iterator[tuple[str, str]]:
    """Yield the offices that the template needs, with their titles."""
    for source in answers.sources:
        yield f"{source.id}/chief-executive", "Chief Executive"
        yield f"{source.id}/data-protection", "Data Protection Officer"
    police = answers.police
    if answers.template == "police-region":
        yield f"{police.id}/chief-constable", "Chief Constable"
        yield f"{police.id}/data-protection", "Data Protection Officer"
    yield f"{police.id}/superintendent", f"Superintendent, {police.unit_name}"
    yield f"{answers.overseer.id}/chair", "Chair"
    yield f"{answers.overseer.id}/deputy", "Deputy chair"


def is_overseers(answers: FoundingAnswers, office: str) -> bool:
    """Return whether an office is the overseer's."""
    return office.partition("/")[0] == answers.overseer.id
