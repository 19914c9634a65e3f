"""The page of alerts: by which rules one is told, how the targets do, what could not be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wicketgate.alerts.rules import KIND_WORDS, AlertRule, quiet_in_words
from wicketgate.pages.duty import Session
from wicketgate.pages.phrases import moment
from wicketgate.pages.public import templates


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule with its number in the form."""

    number: int
    zone: str
    rule: AlertRule

    def shown(self) -> dict[str, object]:
        """Return it in words."""
        rule = self.rule
        quiet = quiet_in_words(self.zone, rule)
        breaks = (
            f"priority {rule.breaks} or more urgent goes all the same" if rule.breaks else "nothing goes then"
        )
        return {
            "number": self.number,
            "kinds": [KIND_WORDS[kind] for kind in rule.kinds],
            "targets": ", ".join(rule.targets),
            "priority": "any" if rule.priority == 4 else f"{rule.priority} or more urgent",
            "every": rule.every_minutes,
            "quiet": f"{quiet}; {breaks}" if quiet else "none",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """A target and how it does."""

    name: str
    kind: str
    leads_to: str
    failures: int
    fault: str
    disabled_us: int
    delivered_us: int

    def shown(self) -> dict[str, object]:
        """Return it in words."""
        if self.disabled_us:
            how = f"Off since {moment(self.disabled_us)}: {self.fault}. A test that arrives opens it again"
        elif self.failures:
            how = f"Failed {self.failures} times in a row: {self.fault}"
        elif self.delivered_us:
            how = f"Last arrived {moment(self.delivered_us)}"
        else:
            how = "Nothing was sent yet"
        bad = bool(self.disabled_us or self.failures)
        return {"name": self.name, "kind": self.kind, "leads_to": self.leads_to, "how": how, "bad": bad}


@dataclass(frozen=True, slots=True)
class DeadRow:
    """A message that was given up."""

    at_us: int
    target: str
    kind: str
    count: int
    why: str

    def shown(self) -> dict[str, object]:
        """Return it in words."""
        told = KIND_WORDS.get(self.kind, self.kind)
        return {
            "at": moment(self.at_us),
            "target": self.target,
            "told": f"{told} ({self.count})" if self.count > 1 else told,
            "why": self.why,
        }


class AlertPages:
    """The page of alerts.

    Parameters
    ----------
    demonstration : bool
        Put the banner of a demonstration on it.
    """

    def __init__(self, *, demonstration: bool = False) -> None:
        self._demonstration = demonstration

    def alerts(
        self,
        session: Session,
        *,
        zone: str,
        revision: int,
        kinds: Sequence[str],
        rules: Sequence[RuleRow],
        targets: Sequence[TargetRow],
        waiting: int,
        dead: Sequence[DeadRow],
        sets: bool,
        done: str = "",
        fault: str = "",
        form: Mapping[str, str] | None = None,
    ) -> str:
        """Return the page `/me/alerts`.

        Parameters
        ----------
        sets : bool
            Whether whoever looks may change the rules.
        done, fault : str
            What was done just now, or what was wrong, as a sentence.
        form : mapping
            What was filled in, where something was wrong.
        """
        return (
            templates()
            .get_template("alerts.html")
            .render(
                demonstration=self._demonstration,
                ground=None,
                register={},
                here="/me/alerts",
                session=session,
                zone=zone,
                revision=revision,
                kinds=[{"name": kind, "words": KIND_WORDS[kind]} for kind in kinds],
                rules=[rule.shown() for rule in rules],
                targets=[target.shown() for target in targets],
                waiting=waiting,
                dead=[letter.shown() for letter in dead],
                sets=sets,
                done=done,
                fault=fault,
                form=form or {},
            )
        )
