"""What one transaction of the outbox makes of events: messages, grouped and bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import lmdb
import msgspec

from wicketgate.alerts.messages import (
    FLOOD,
    AlertMessage,
    Event,
    Flow,
    Group,
    begun,
    group_key,
    joined,
    joins,
    target_rules,
)
from wicketgate.alerts.rules import AlertRule, AlertRules

if TYPE_CHECKING:
    from wicketgate.alerts.outbox import Outbox


packed = msgspec.msgpack.Encoder().encode


class Planning:
    """What one transaction of the outbox makes of events, not in memory before it is durable."""

    def __init__(
        self, outbox: Outbox, store: lmdb.Transaction, rules: Mapping[str, AlertRules], now_us: int
    ) -> None:
        self._outbox = outbox
        self._store = store
        self._rules = rules
        self._now_us = now_us
        self._made: dict[str, AlertMessage] = {}
        self._more: Counter[str] = Counter()
        self._bytes = 0

    def take(self, event: Event) -> bool:
        """Make or extend the messages of an event; return whether somebody is told."""
        rules = self._rules.get(event.who)
        if rules is None:
            return False
        targets = target_rules(rules, event)
        for target, rule in targets.items():
            self._tell(event, target, rules, rule)
        return bool(targets)

    def _tell(self, event: Event, target: str, rules: AlertRules, rule: AlertRule) -> None:
        outbox, store = self._outbox, self._store
        group, flooded = None, False
        flow = outbox.stored(store, "flows", f"{event.who}\0{target}", Flow)
        if flow is None or event.at_us >= flow.until_us:
            flow = Flow(until_us=event.at_us + rule.every_us, messages=0)
        for flooded in (False, True):
            group = outbox.stored(store, "groups", group_key(event, target, flooded=flooded), Group)
            waiting = None if group is None else self._waiting(group.message)
            if waiting is not None and joins(group, event):
                self._keep(joined(waiting, event))
                return
            if flow.messages < FLOOD:
                break
        message, group = begun(event, target, rules, rule, group, flooded=flooded)
        if not self.keep(message):
            return
        outbox.store(store, "groups", db_key(group_key(event, target, flooded=flooded)), group)
        if not flooded:
            flow = msgspec.structs.replace(flow, messages=flow.messages + 1)
        outbox.store(store, "flows", db_key(f"{event.who}\0{target}"), flow)

    def keep(self, message: AlertMessage) -> bool:
        """Keep a message where there is room, and none like it was sent."""
        if not self._outbox.has_room(message, self._more, self._bytes):
            self._outbox.dropped["outbox full"] += 1
            return False
        if not self._outbox.is_known(self._store, message.id):
            self._more[message.target] += 1
            self._bytes += len(packed(message))
            self._keep(message)
        return True

    def _keep(self, message: AlertMessage) -> None:
        self._outbox.store(self._store, "messages", message.id.encode(), message)
        self._made[message.id] = message

    def _waiting(self, message_id: str) -> AlertMessage | None:
        return self._made.get(message_id) or self._outbox.waiting.get(message_id)

    def settle(self) -> None:
        """Show what was made, once it is durable."""
        self._outbox.keep(self._made)


def db_key(text: str) -> bytes:
    """Return a key of LMDB, which has at most 511 bytes."""
    return text.encode()[:500]
