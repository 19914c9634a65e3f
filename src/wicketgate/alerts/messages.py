"""What is told: events as they come, and messages, each of which may tell of many. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wicketgate.alerts.rules import KIND_WORDS, AlertRule, AlertRules

FLOOD: Final = 30
"""Messages of one place to one target in one period; what comes beyond is told of together."""
_ID: Final = 32


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened, of which people of a place may be told.

    Attributes
    ----------
    id : str
        The same however often it is derived again.
    who : str
        Whose it is, as `recipient:met/duty-desk`.
    about : str
        What it is about: events about one thing are grouped. It holds no plate.
    words : str
        The line that says it; empty for a hit.
    hit, authority : str
        Of a hit.
    path : str
        Where it is seen.
    """

    id: str
    who: str
    kind: str
    priority: int
    at_us: int
    about: str
    words: str = ""
    hit: str = ""
    authority: str = ""
    path: str = "/me/alerts"


class AlertMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message to one target, until it is sent.

    Attributes
    ----------
    id : str
        For receivers, who may get it twice.
    due_us : int
        Not before this.
    count : int
        Of how many events it tells.
    attempts, next_us : int
        How often it was tried, and when it is tried next.
    fault : str
        What the last attempt came to.
    """

    id: str
    who: str
    target: str
    kind: str
    priority: int
    made_us: int
    due_us: int
    words: str = ""
    hit: str = ""
    authority: str = ""
    path: str = "/me/alerts"
    count: int = 1
    attempts: int = 0
    next_us: int = 0
    fault: str = ""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The last message about one thing: what comes before it is due joins it, and the next waits until `until_us`."""

    message: str
    due_us: int
    until_us: int


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages a place made for a target in a period."""

    until_us: int
    messages: int


class AlertText(msgspec.Struct, frozen=True, kw_only=True):
    """The words of a message, ready to be sent."""

    id: str
    at_us: int
    who: str
    kind: str
    priority: int
    count: int
    title: str
    text: str
    link: str
    authority: str = ""
    hit: str = ""
    plate: str = ""


def message_id(who: str, target: str, event: str) -> str:
    """Return the id of the message that an event begins: the same at each derivation."""
    text = "\0".join(("wicketgate alert v1", who, target, event))
    return hashlib.sha256(text.encode()).hexdigest()[:_ID]


def target_rules(rules: AlertRules, event: Event) -> dict[str, AlertRule]:
    """Return the targets that are told of an event, each with the first rule that says so."""
    found: dict[str, AlertRule] = {}
    for rule in rules.rules:
        if rule.tells(event.kind, event.priority):
            for target in rule.targets:
                found.setdefault(target, rule)
    return found


def group_key(event: Event, target: str, *, flooded: bool) -> str:
    """Return what tells groups apart."""
    if flooded:
        return f"{event.who}\0{target}\0*"
    return f"{event.who}\0{target}\0{event.kind}\0{event.priority}\0{event.about}"


def joins(group: Group | None, event: Event) -> bool:
    """Return whether an event is told by the message that waits already."""
    return group is not None and event.at_us < group.due_us


def begun(
    event: Event, target: str, rules: AlertRules, rule: AlertRule, group: Group | None, *, flooded: bool
) -> tuple[AlertMessage, Group]:
    """Return the message that an event begins, and its group from now on.

    One thing makes at most one message a period: a further one waits for the end of the period before.
    """
    free_us = event.at_us if group is None else max(event.at_us, group.until_us)
    due_us = rules.goes_at(rule, event.priority, free_us)
    message = AlertMessage(
        id=message_id(event.who, target, event.id),
        who=event.who,
        target=target,
        kind=event.kind,
        priority=event.priority,
        made_us=event.at_us,
        due_us=due_us,
        words="further alerts" if flooded else event.words,
        hit="" if flooded else event.hit,
        authority="" if flooded else event.authority,
        path=path_of(event.kind) if flooded else event.path,
    )
    return message, Group(message=message.id, due_us=due_us, until_us=due_us + rule.every_us)


def joined(message: AlertMessage, event: Event) -> AlertMessage:
    """Return a message that tells of one event more."""
    return msgspec.structs.replace(
        message,
        count=message.count + 1,
        hit=event.hit if message.hit else "",
        path=event.path if message.hit else message.path,
        priority=min(message.priority, event.priority),
    )


def path_of(kind: str) -> str:
    """Return where things of a kind are seen."""
    return "/duty" if kind == "hit" else "/me/alerts"


def told(message: AlertMessage, address: str, at_us: int, *, plate: str = "", title: str = "") -> AlertText:
    """Return the words of a message.

    Parameters
    ----------
    address : str
        Where the gateway is reached; the message has a link to it.
    plate : str
        As it was read; empty unless the unit's authority lets messages carry it.
    title : str
        Of the authority of a hit.
    """
    head = _head(message)
    lines = [head + "."]
    if message.kind == "hit":
        under = f" under {title or message.authority}" if message.authority else ""
        lines = [f"{head}{under}.", "An alert alone is not suspicion: compare it before anything is done."]
    if plate:
        lines.append(f"Plate as read: {plate}")
    link = f"{address}{message.path}"
    lines += ["", f"See it, once you have signed in: {link}", "", f"For {message.who}. Message {message.id}."]
    return AlertText(
        id=message.id,
        at_us=at_us,
        who=message.who,
        kind=message.kind,
        priority=message.priority,
        count=message.count,
        title=head,
        text="\n".join(lines) + "\n",
        link=link,
        authority=message.authority,
        hit=message.hit,
        plate=plate,
    )


def _head(message: AlertMessage) -> str:
    if message.kind == "hit" and message.words:
        return f"Priority {message.priority}: {message.count} further hits"
    if message.kind == "hit":
        hits = "A hit" if message.count == 1 else f"{message.count} hits of one vehicle"
        return f"Priority {message.priority}: {hits}"
    words = message.words or KIND_WORDS.get(message.kind, message.kind)
    more = f" (and {message.count - 1} more)" if message.count > 1 else ""
    return f"{words[:1].upper()}{words[1:]}{more}"


def webhook_body(one: AlertText, at: str) -> bytes:
    """Return the body of a webhook. docs/spec/alerts.md, section 4."""
    said: Mapping[str, Any] = {
        "who": one.who,
        "kind": one.kind,
        "priority": one.priority,
        "count": one.count,
        "title": one.title,
        "link": one.link,
        "authority": one.authority,
        "hit": one.hit,
        "plate": one.plate,
    }
    data = {name: value for name, value in said.items() if value != ""}
    return msgspec.json.encode(
        {"type": "wicketgate.alert", "form": 1, "id": one.id, "timestamp": at, "data": data}
    )
