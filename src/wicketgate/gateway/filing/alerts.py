"""The filing of alerts: a place's rules, and what was told to whom."""

from __future__ import annotations

from collections.abc import Sequence

from wicketgate.alerts.rules import AlertRules, check_rules, dump_rules
from wicketgate.base.errors import InputError
from wicketgate.commits.state import State
from wicketgate.commits.transactions import AlertRulesSet, AlertTold, Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gateway.filing.facts import alert_rules_fact, told_fact


class AlertFiling:
    """The filing of alerts, over the commits of one gateway."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits

    async def set_rules(self, who: str, rules: AlertRules, by: str, *, revision: int | None = None) -> int:
        """Commit a place's rules, whole, and return their revision.

        Parameters
        ----------
        by : str
            The person, or the name of the token, who says so.
        revision : int, optional
            Of the rules that whoever says so saw.

        Raises
        ------
        InputError
            `revision-differs` where somebody else changed them meanwhile.
        """
        data = dump_rules(check_rules(rules))
        made = 0

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            nonlocal made
            known = state.alert_rules.get(who)
            held = 0 if known is None else known.revision
            if revision is not None and revision != held:
                raise InputError(
                    "somebody changed these rules meanwhile: look again", code="revision-differs"
                )
            made = held + 1
            given = AlertRulesSet(who=who, revision=made, rules=data)
            fact = alert_rules_fact(sequence, given, by)
            return Transaction(at_us=at_us, facts=(fact,), alert_rules=given)

        await self._commits.commit(build)
        return made

    async def tell(self, told: Sequence[AlertTold]) -> None:
        """Commit which messages were sent, and which were given up: whoever leads next sends none of them again."""

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            facts = tuple(told_fact(sequence, one) for one in told)
            return Transaction(at_us=at_us, facts=facts, told=tuple(told))

        await self._commits.commit(build)
