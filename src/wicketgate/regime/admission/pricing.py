"""Whether a charging scheme, or a waiver, may take effect. Pure. docs/spec/scheme.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.periods import Period, add, describe_period
from wicketgate.regime.admission.judgement import Judgement
from wicketgate.regime.admission.limits import scheme_requirements
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.waiver import Waiver
from wicketgate.regime.moment import RegimeAt

LONGEST_SCHEME: Final = Period(months=60)
"""How long one version may last: its calendar is written out, and nobody knows a holiday of ten years hence."""


def judge_scheme(moment: RegimeAt, scheme: Scheme) -> Judgement:
    """Judge a version of a charging scheme.

    Raises
    ------
    DocumentRefused
        `unknown-organisation`, `unknown-authority`, `version-not-next`, `feed-purpose-fixed`, `retroactive`,
        `term-too-long` or `not-entitled`; the first.
    """
    for fault in _faults(moment, scheme):
        raise fault
    return Judgement(
        admitted=Admitted(), requirements=scheme_requirements("scheme", scheme.controller, moment.charter)
    )


def _faults(moment: RegimeAt, scheme: Scheme) -> Iterator[DocumentRefused]:
    controller = moment.charter.organisations.get(scheme.controller)
    if controller is None or "source" not in controller.roles:
        yield DocumentRefused(
            f"`scheme.controller`: the charter has no source `{scheme.controller}`",
            code="unknown-organisation",
        )
    named = moment.regime.authorities.get(scheme.authority)
    if named is None or moment.authority(named.versions[-1]).controller != scheme.controller:
        yield DocumentRefused(
            f"`scheme.authority`: no authority `{scheme.authority}` of `{scheme.controller}` has taken effect",
            code="unknown-authority",
        )
    taken = moment.regime.schemes.get(scheme.name, ())
    if scheme.version != len(taken) + 1:
        yield DocumentRefused(
            f"`scheme.version`: the next of `{scheme.name}` is {len(taken) + 1}", code="version-not-next"
        )
    if taken:
        before = moment.parsed.scheme(taken[-1])
        fixed = ("controller", "unit", "zone_name", "currency")
        if any(getattr(scheme, name) != getattr(before, name) for name in fixed):
            yield DocumentRefused(
                f"controller, unit, zone and currency of `{scheme.name}` never change",
                code="feed-purpose-fixed",
            )
    if scheme.valid_from_us <= moment.at_us:
        yield DocumentRefused(
            f"`scheme.valid_from` is past: {rfc3339(scheme.valid_from_us)}; nobody is charged by what came after",
            code="retroactive",
        )
    if scheme.valid_until_us > add(scheme.valid_from_us, LONGEST_SCHEME):
        yield DocumentRefused(
            f"`scheme.valid_until`: at most {describe_period(LONGEST_SCHEME)}", code="term-too-long"
        )


def judge_waiver(moment: RegimeAt, waiver: Waiver) -> Judgement:
    """Judge a waiver. It may look back, since it can only take less.

    Raises
    ------
    DocumentRefused
        `unknown-scheme`, `already-taken`, `malformed` or `not-entitled`; the first.
    """
    taken = moment.regime.schemes.get(waiver.scheme)
    if taken is None:
        raise DocumentRefused(f"no scheme `{waiver.scheme}` has taken effect", code="unknown-scheme")
    ids = {moment.parsed.waiver(one).id for one in moment.regime.waivers.get(waiver.scheme, ())}
    if waiver.id in ids:
        raise DocumentRefused(f"`{waiver.id}` has taken effect on `{waiver.scheme}`", code="already-taken")
    versions = [moment.parsed.scheme(one) for one in taken]
    unknown = sorted((waiver.zones or frozenset()) - {zone.id for one in versions for zone in one.zones})
    if unknown:
        raise DocumentRefused(f"`waiver.zones`: `{waiver.scheme}` has no zone `{unknown[0]}`")
    return Judgement(
        admitted=Admitted(),
        requirements=scheme_requirements("waiver", versions[-1].controller, moment.charter),
    )
