"""What the forms of opened facts share, and those of people, alerts and errata."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Number = Annotated[int, msgspec.Meta(ge=1, lt=2**53)]
Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,63}\Z")]
Reference = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,63}@[1-9][0-9]{0,6}\Z")]
Text = Annotated[str, msgspec.Meta(max_length=8192)]
Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Code = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9-]{1,60}\Z")]
_Digest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{24}\Z")]


class FactForm(msgspec.Struct, tag_field="kind", forbid_unknown_fields=True):
    """A fact of any kind."""

    salt: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]


class PeopleOpenedForm(FactForm, tag="people-opened", kw_only=True):
    """Openings of a document of people came in."""

    commit: Number
    organisation: Name
    openings: Number
    by: Text


class SubmittedForm(FactForm, tag="submitted", kw_only=True):
    """A person handed in a signed document."""

    commit: Number
    entry: Count
    by: Text


class PasskeyForm(FactForm, tag="passkey", kw_only=True):
    """A passkey was enrolled or withdrawn."""

    commit: Number
    person: Hash
    became: Literal["enrolled", "withdrawn"]
    by: Text


class AlertRulesForm(FactForm, tag="alert-rules", kw_only=True):
    """A place is told by other rules."""

    commit: Number
    who: Text
    revision: Number
    rules: dict[str, Any]
    by: Text


class ToldForm(FactForm, tag="told", kw_only=True):
    """A message was sent, or given up."""

    commit: Number
    id: Text
    who: Text
    target: Text
    what: Code
    count: Number
    became: Literal["delivered", "given-up"]


class ErratumSaidForm(FactForm, tag="erratum-said", kw_only=True):
    """A read was said to be wrong."""

    commit: Number
    id: _Digest
    ground: Literal["misread", "no-plate", "wrong-time", "wrong-place"]
    source: Annotated[str, msgspec.Meta(max_length=64)]
    by: Text
    reason: Text
    plate: bool
    hit: Text | None = None
    token: Text | None = None


class CorrectedRowForm(msgspec.Struct, forbid_unknown_fields=True):
    """A row that an erratum corrects, and the erratum's own."""

    authority: Name
    version: Count
    corrects: Number
    seq: Count
    read: bool
    search: Text = ""


class ErratumForm(FactForm, tag="erratum", kw_only=True):
    """What became of an erratum; `vehicle` is empty where it went to nobody."""

    commit: Number
    id: _Digest
    vehicle: _Digest | Literal[""]
    rows: list[CorrectedRowForm]


class ErrataTakenForm(FactForm, tag="errata-taken", kw_only=True):
    """A unit took errata, and how soon."""

    commit: Number
    authority: Name
    through: Number
    by: Text
    hour: list[_Digest]
    day: list[_Digest]
    later: list[_Digest]


def fault_of_erratum(fact: ErratumForm) -> str:
    """Return what is wrong with the fact of an erratum by itself; empty if nothing is."""
    if len({(row.authority, row.search) for row in fact.rows}) != len(fact.rows):
        return "an erratum went to one authority twice"
    for row in fact.rows:
        if row.search:
            if row.seq or row.version:
                return f"an erratum of an answer under `{row.authority}` is a row of a feed"
            continue
        if bool(row.seq) != bool(row.version) or (row.read and not row.seq) or 0 < row.seq <= row.corrects:
            return f"an erratum of `{row.authority}` is neither a row behind the one that it corrects nor a notice"
    return ""
