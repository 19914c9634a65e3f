"""The charter's clause on witnesses: who cosigns the log, how many must, and what stops when they do not. Pure.

docs/spec/charter.md, section on witnesses.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from wicketgate.base.clock import DAY_US, MINUTE_US, SECOND_US
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.periods import Period, describe_period, parse_period
from wicketgate.regime.members import Members

STOP_ORDER: Final = ("bulk", "search", "match")
"""What stops when cosigning fails, in the order in which it does: `unlisted` counts as bulk."""
MOST_WITNESSES: Final = 15
_KEYS_EACH: Final = 2
_KEY_BYTES: Final = {0x04: 32, 0x06: 1312}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_SHORTEST_US: Final = MINUTE_US
_SHORTEST_IN_DEMONSTRATIONS_US: Final = 5 * SECOND_US
_LONGEST_US: Final = DAY_US


@dataclass(frozen=True, slots=True, kw_only=True)
class CharterWitness:
    """One witness that the charter names.

    Attributes
    ----------
    id : str
        By which pages and policies name it.
    title : str
        Who runs it.
    url : str
        The prefix of `add-checkpoint` (C2SP tlog-witness).
    keys : tuple of str
        Its verifier keys. One of them is enough: they are one witness.
    """

    id: str
    title: str
    url: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessRules:
    """The charter's rules on witnesses.

    Attributes
    ----------
    needed : int
        How many must cosign: more than half.
    bulk_after_us, search_after_us, match_after_us : int
        How long nothing may be cosigned before each stops.
    """

    needed: int
    witnesses: tuple[CharterWitness, ...]
    bulk_after_us: int
    search_after_us: int
    match_after_us: int

    def after_us(self, what: str) -> int:
        """Return how long nothing may be cosigned before one of `STOP_ORDER` stops."""
        return {
            "bulk": self.bulk_after_us,
            "search": self.search_after_us,
            "match": self.match_after_us,
        }[what]

    def stopped(self, behind_us: int) -> tuple[str, ...]:
        """Return what stops once so much time of the log is not cosigned, in order."""
        return tuple(what for what in STOP_ORDER if behind_us >= self.after_us(what))


def counts_as(mode: str) -> str:
    """Return which of `STOP_ORDER` an authority's mode is."""
    return "bulk" if mode == "unlisted" else mode


def parse_witnesses(members: Members, *, demonstration: bool) -> WitnessRules:
    """Return the rules in the charter's table `[witnesses]`."""
    named = tuple(_witness(item) for item in members.tables("named", least=1, most=MOST_WITNESSES))
    for what in ("id", "url"):
        values = [getattr(one, what) for one in named]
        if len(set(values)) != len(values):
            raise DocumentRefused(f"`{members.at('named')}`: two witnesses have one {what}")
    keys = [key for one in named for key in one.keys]
    publics = {key.split("+", 2)[2] for key in keys}
    if len(publics) != len(keys):
        raise DocumentRefused(
            f"`{members.at('named')}`: a key stands twice, and would count as two witnesses"
        )
    needed = members.integer("needed", least=1, most=len(named))
    if 2 * needed <= len(named):
        raise DocumentRefused(
            f"`{members.at('needed')}`: {needed} of {len(named)} is no more than half, and two halves could each "
            "cosign another log"
        )
    times = [_time_us(members, f"{what}_after", demonstration) for what in STOP_ORDER]
    if times != sorted(times):
        raise DocumentRefused(f"`{members.path}`: bulk stops first, then search, then match")
    rules = WitnessRules(
        needed=needed,
        witnesses=named,
        bulk_after_us=times[0],
        search_after_us=times[1],
        match_after_us=times[2],
    )
    members.end()
    return rules


def _witness(members: Members) -> CharterWitness:
    url = members.text("url", most=500)
    split = urlsplit(url)
    if (
        split.scheme not in ("https", "http")
        or not split.hostname
        or split.query
        or split.fragment
        or "@" in url
    ):
        raise DocumentRefused(f"`{members.at('url')}` is no address of a witness")
    keys = members.texts("keys", most=_KEYS_EACH, each=4096)
    for key in keys:
        try:
            check_cosigner_key(key)
        except InputError as error:
            raise DocumentRefused(f"`{members.at('keys')}`: {error.detail}") from error
    witness = CharterWitness(
        id=members.text("id", pattern=_NAME), title=members.text("title"), url=url.rstrip("/"), keys=keys
    )
    members.end()
    return witness


def check_cosigner_key(vkey: str) -> None:
    """Refuse a verifier key that is not of a witness: of another type, or with a key id that does not fit.

    Raises
    ------
    InputError
        Saying which.
    """
    name, _, rest = vkey.partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("a verifier key has the form `name+key id+base64`") from error
    if not 0 < len(name.encode()) <= 255 or any(letter.isspace() for letter in name):
        raise InputError("a witness's name has 1 to 255 bytes, and no space")
    if not key or _KEY_BYTES.get(key[0]) != len(key) - 1:
        raise InputError("a verifier key that is not for cosignatures (type 0x04 or 0x06)")
    if (
        sha256(name.encode() + b"\n" + key).hexdigest()[:8] != key_id
        or base64.b64encode(key).decode() != encoded
    ):
        raise InputError("the key id of a verifier key does not fit its name and key")


def _time_us(members: Members, name: str, demonstration: bool) -> int:
    period = members.parsed(name, parse_period)
    shortest = _SHORTEST_IN_DEMONSTRATIONS_US if demonstration else _SHORTEST_US
    if period.months or not shortest <= period.us <= _LONGEST_US or period.us % SECOND_US:
        raise DocumentRefused(
            f"`{members.at(name)}` is not {describe_period(Period(us=shortest))} to "
            f"{describe_period(Period(us=_LONGEST_US))}"
        )
    return period.us


def describe_witnesses(rules: WitnessRules | None) -> list[str]:
    """Return in sentences what a charter says of witnesses."""
    if rules is None:
        return [
            "Nobody outside cosigns the log: whoever checks it alone cannot know that others are shown the same."
        ]
    names = ", ".join(f"{one.title} (`{one.id}`)" for one in rules.witnesses)
    after = [describe_period(Period(us=rules.after_us(what))) for what in STOP_ORDER]
    return [
        f"{rules.needed} of {len(rules.witnesses)} witnesses must cosign the log: {names}.",
        f"Where they do not for {after[0]} bulk stops, for {after[1]} search, and for {after[2]} match.",
    ]


def witness_changes(
    old: WitnessRules | None, new: WitnessRules | None
) -> Iterator[tuple[tuple[object, ...], str]]:
    """Yield what another clause on witnesses widens: fewer or other witnesses, or a longer time without them."""
    if old is None:
        return
    if new is None:
        yield ("witnesses",), "nobody cosigns the log any more"
        return
    if new.needed < old.needed:
        yield ("witnesses", "needed"), f"{new.needed} witnesses are enough, before {old.needed}"
    if len(new.witnesses) < len(old.witnesses):
        yield (
            ("witnesses", "number"),
            f"{len(new.witnesses)} witnesses are named, before {len(old.witnesses)}",
        )
    before = {one.id: one for one in old.witnesses}
    now = {one.id: one for one in new.witnesses}
    for name in sorted(before.keys() | now.keys()):
        if name not in now:
            yield ("witness", name), f"`{name}` is no witness any more"
        elif name not in before:
            yield ("witness", name), f"`{name}` ({now[name].title}) becomes a witness"
        elif set(now[name].keys) != set(before[name].keys) or now[name].title != before[name].title:
            yield ("witness", name), f"the witness `{name}` has other keys, or another name"
    for what in STOP_ORDER:
        if new.after_us(what) > old.after_us(what):
            is_, was = (describe_period(Period(us=one.after_us(what))) for one in (new, old))
            yield ("witnesses", what), f"{what} goes on for {is_} without a cosignature, before {was}"
