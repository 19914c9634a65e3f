"""Whether an act that replaces the admin's token may take effect. Pure."""

from __future__ import annotations

from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.regime.admission.judgement import Judgement
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.charter import charter_requirements
from wicketgate.regime.documents.admin import AdminReplaced
from wicketgate.regime.moment import RegimeAt

LONGEST_US = 7 * DAY_US
"""How long such an act can be handed in: long enough to be signed by several, too short to lie about."""


def judge_admin(moment: RegimeAt, act: AdminReplaced) -> Judgement:
    """Judge an act that replaces the admin's token: those who sign the charter must sign it, all of them.

    Raises
    ------
    DocumentRefused
        `already-taken` if the act, or the token, took effect before: whoever kept it could bring back an old token;
        `malformed` if it is dated ahead of the clock, or more than a week before.
    """
    before = [moment.parsed.admin(taken) for taken in moment.regime.admins]
    if act.id in {one.id for one in before} or act.sha256 in {one.sha256 for one in before}:
        raise DocumentRefused(f"`{act.id}` or its token has taken effect before", code="already-taken")
    if act.at_us > moment.at_us:
        raise DocumentRefused(f"`admin.at` is ahead of the clock: {rfc3339(act.at_us)}")
    if act.at_us + LONGEST_US <= moment.at_us:
        raise DocumentRefused(f"`admin.at` is more than a week past: {rfc3339(act.at_us)}; draft it anew")
    return Judgement(admitted=Admitted(), requirements=charter_requirements(moment.charter))
