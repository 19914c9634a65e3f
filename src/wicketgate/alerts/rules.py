"""The rules by which a unit, an office or a source is told. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Final, Literal, get_args

import msgspec

from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US
from wicketgate.base.errors import InputError
from wicketgate.base.forms import newer_form
from wicketgate.base.hours import DAYS, Hours, describe_hours, load_zone, parse_hours, windows
from wicketgate.base.shapes import about, shape

RULES_FORM: Final = 1
"""The form of rules that this version writes, and the latest that it reads."""
MOST_RULES: Final = 20
MOST_BYTES: Final = 32 * 1024
LEAST_EVERY_MINUTES: Final = 1
MOST_EVERY_MINUTES: Final = 24 * 60

AlertKind = Literal["hit", "deadline", "review", "receipt", "camera", "gateway"]
KINDS: Final[tuple[AlertKind, ...]] = get_args(AlertKind)
KIND_WORDS: Final[dict[str, str]] = {
    "hit": "a hit",
    "deadline": "an end or a deadline is near",
    "review": "a review is due",
    "receipt": "a receipt is missing",
    "camera": "a camera is silent",
    "gateway": "the gateway is behind",
    "test": "a test",
}
"""What each kind tells, as the subject of a line."""
KINDS_OF: Final[dict[str, frozenset[str]]] = {
    "recipient": frozenset({"hit", "deadline", "review", "receipt", "gateway"}),
    "office": frozenset({"deadline", "review", "receipt", "gateway"}),
    "source": frozenset({"deadline", "review", "camera", "gateway"}),
}
"""What each kind of place may be told: a unit, an office, a source. No source learns which passage was a hit."""
_LOOK_US = 9 * DAY_US
_TARGET = r"^[a-z0-9][a-z0-9-]{0,62}$"


class QuietHours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours of the week in which an alert waits."""

    from_: Annotated[str, about("Local time, `HH:MM`.")] = msgspec.field(name="from")
    until: Annotated[str, about("Local time, `HH:MM`; not after `from`: on the day after.")]
    days: Annotated[
        tuple[str, ...], about("On which they begin, such as `mon`; every day where it is left out.")
    ] = DAYS


class AlertRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule: which alerts go to which targets, and when."""

    kinds: Annotated[tuple[AlertKind, ...], about("What is told.", minItems=1)]
    targets: Annotated[
        tuple[Annotated[str, shape(pattern=_TARGET)], ...],
        about("Names of targets that the operator set up for this place.", minItems=1, maxItems=10),
    ]
    priority: Annotated[
        int, about("The least urgent that is told, from 1 (most urgent) to 4.", minimum=1, maximum=4)
    ] = 4
    every_minutes: Annotated[
        int,
        about(
            "One vehicle, or one thing, makes at most one message in so many minutes.",
            minimum=LEAST_EVERY_MINUTES,
            maximum=MOST_EVERY_MINUTES,
        ),
    ] = 15
    quiet: Annotated[tuple[QuietHours, ...], about("When it waits.", maxItems=8)] = ()
    breaks: Annotated[
        int,
        about("What is as urgent as this or more goes in quiet hours too; 0: nothing.", minimum=0, maximum=4),
    ] = 1

    def tells(self, kind: str, priority: int) -> bool:
        """Return whether an alert of a kind and priority is told."""
        return kind in self.kinds and priority <= self.priority

    @property
    def every_us(self) -> int:
        """The period in which one thing makes one message."""
        return self.every_minutes * MINUTE_US


class AlertRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules of one place."""

    zone: Annotated[str, about("Of its clocks, as the IANA database names it.")]
    rules: Annotated[tuple[AlertRule, ...], about("Each by itself.", maxItems=MOST_RULES)] = ()
    form: Annotated[int, about("Of what is written here.")] = RULES_FORM

    def goes_at(self, rule: AlertRule, priority: int, at_us: int) -> int:
        """Return when an alert may go: at once, or when quiet hours end.

        Notes
        -----
        Local times are those on the wall: hours that a change of the clock skips are not quiet, and those that come
        twice are quiet twice.
        """
        if not rule.quiet or priority <= rule.breaks:
            return at_us
        found = windows(at_us, at_us + _LOOK_US, _hours(self.zone, rule), at_us, at_us + _LOOK_US)
        return int(found[0][1]) if len(found) and found[0][0] <= at_us else at_us


NO_RULES: Final = AlertRules(zone="UTC")
_decoder = msgspec.json.Decoder(AlertRules)


def _hours(zone: str, rule: AlertRule) -> tuple[Hours, ...]:
    return tuple(parse_hours(zone, one.days, one.from_, one.until) for one in rule.quiet)


def quiet_in_words(zone: str, rule: AlertRule) -> str:
    """Return a rule's quiet hours in plain words; empty where there are none."""
    return "; ".join(describe_hours(hours) for hours in _hours(zone, rule))


def parse_rules(data: bytes) -> AlertRules:
    """Return rules as they stand in JSON.

    Raises
    ------
    InputError
        Saying what is wrong.
    """
    if len(data) > MOST_BYTES:
        raise InputError(f"rules have at most {MOST_BYTES} bytes")
    try:
        rules = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # The place alone: a member's name or a value is the caller's own, and may be a plate.
        place = re.search(r"at `\$[^`]*`", str(error))
        raise InputError(
            f"these are no rules for alerts: look {place[0]}" if place else "these are no rules for alerts"
        ) from error
    return check_rules(rules)


def check_rules(rules: AlertRules) -> AlertRules:
    """Return rules once they are within their bounds.

    Raises
    ------
    InputError
        Naming the rule and what is wrong with it.
    """
    if rules.form != RULES_FORM:
        raise InputError(newer_form("these rules", rules.form, RULES_FORM))
    load_zone(rules.zone)
    if len(rules.rules) > MOST_RULES:
        raise InputError(f"at most {MOST_RULES} rules")
    for number, rule in enumerate(rules.rules, 1):
        try:
            _check(rules.zone, rule)
        except InputError as error:
            raise InputError(f"rule {number}: {error.detail}") from error
    return rules


def _check(zone: str, rule: AlertRule) -> None:
    if not rule.kinds or len(set(rule.kinds)) != len(rule.kinds):
        raise InputError(f"`kinds` are distinct ones of {', '.join(KINDS)}")
    if not 1 <= len(rule.targets) <= 10 or len(set(rule.targets)) != len(rule.targets):
        raise InputError("`targets` names 1 to 10 targets, each once")
    if not 1 <= rule.priority <= 4 or not 0 <= rule.breaks <= 4:
        raise InputError("`priority` lies between 1 and 4, `breaks` between 0 and 4")
    if not LEAST_EVERY_MINUTES <= rule.every_minutes <= MOST_EVERY_MINUTES:
        raise InputError(f"`every_minutes` lies between {LEAST_EVERY_MINUTES} and {MOST_EVERY_MINUTES}")
    if len(rule.quiet) > 8:
        raise InputError("at most 8 quiet hours")
    hours = _hours(zone, rule)
    # Two weeks, of which one has no change of the clock: what is never over would hold an alert for ever.
    found = windows(0, 14 * DAY_US, hours, 0, 14 * DAY_US) if hours else ()
    if hours and max(int(end - begin) for begin, end in found) > 6 * DAY_US + 23 * HOUR_US:
        raise InputError("quiet hours must end within the week")


def demand_own(rules: AlertRules, who: str, open_to: Collection[str]) -> None:
    """Refuse rules that tell a place what it may not be told, or name a target not set up for it.

    Parameters
    ----------
    who : str
        The place, as `recipient:met/duty-desk`, `office:met/oversight` or `source:tfl`.

    Raises
    ------
    InputError
        Naming it.
    """
    allowed = KINDS_OF[who.partition(":")[0]]
    for number, rule in enumerate(rules.rules, 1):
        for kind in rule.kinds:
            if kind not in allowed:
                raise InputError(f"rule {number}: `{kind}` is not for you; {', '.join(sorted(allowed))} are")
        for name in rule.targets:
            if name not in open_to:
                raise InputError(
                    f"rule {number}: no target `{name[:64]}` is set up for you: the operator sets up targets"
                )


def dump_rules(rules: AlertRules) -> bytes:
    """Return rules as they are kept and shown."""
    return msgspec.json.encode(rules)
