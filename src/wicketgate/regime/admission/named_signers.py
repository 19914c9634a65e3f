"""Who may name people, and who may charge and waive: what changes of it from charter to charter. Pure.

docs/spec/charter.md has what of it is a widening.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wicketgate.base.errors import DocumentRefused
from wicketgate.regime.admission.limits import people_requirements, scheme_requirements
from wicketgate.regime.admission.signers import SignaturesNeeded
from wicketgate.regime.charter import Charter, Requirement

ChangeKey = tuple[object, ...]
"""What a change is about, however far it goes."""


def people_changes(old: Charter, new: Charter) -> Iterator[tuple[ChangeKey, str]]:
    """Yield whose people can be named by fewer, or others, than before.

    That somebody can name them where nobody could widens nothing: a person does nothing that no authority lets.
    """
    for name in sorted(old.organisations.keys() & new.organisations.keys()):
        before, now = _people_signers(name, old), _people_signers(name, new)
        if before is not None and now is not None and not now.suffices_for(before):
            yield ("people", name), f"the people of `{name}` can be named by {now}, before {before}"


def scheme_changes(old: Charter, new: Charter) -> Iterator[tuple[ChangeKey, str]]:
    """Yield whose schemes fewer, or others, can sign than before, and whose waivers need more, or others.

    That somebody can charge where nobody could widens nothing: nothing more leaves by it.
    """
    for name in sorted(_sources(old) & _sources(new)):
        before, now = (_scheme_signers("scheme", name, one) for one in (old, new))
        if before is not None and now is not None and not now.suffices_for(before):
            yield ("scheme", name), f"a scheme of `{name}` can be signed by {now}, before {before}"
        before, now = (_scheme_signers("waiver", name, one) for one in (old, new))
        if before is not None and (now is None or not before.suffices_for(now)):
            yield ("waiver", name), f"a waiver of `{name}` needs {now or 'what nobody has'}, before {before}"


def _people_signers(organisation: str, charter: Charter) -> SignaturesNeeded | None:
    try:
        return _needed(people_requirements(organisation, charter))
    except DocumentRefused:
        return None


def _scheme_signers(kind: str, controller: str, charter: Charter) -> SignaturesNeeded | None:
    try:
        return _needed(scheme_requirements(kind, controller, charter))
    except DocumentRefused:
        return None


def _needed(needed: Iterable[Requirement]) -> SignaturesNeeded:
    needed = tuple(needed)
    return SignaturesNeeded(
        frozenset(office for one in needed if one.need == "all" for office in one.offices),
        frozenset(frozenset(one.offices) for one in needed if one.need == "any"),
    )


def _sources(charter: Charter) -> set[str]:
    return {name for name, one in charter.organisations.items() if "source" in one.roles}
