"""Alerting: the work that turns what happened into messages, and has them sent. Beside the gate, never in its way."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Final

import lmdb

from wicketgate.alerts.courier import Courier
from wicketgate.alerts.messages import AlertMessage, Event, message_id, told
from wicketgate.alerts.orders import ByApprise, ByMail, ByWebhook, Way
from wicketgate.alerts.outbox import DeadLetter, Outbox, TargetState
from wicketgate.alerts.rules import NO_RULES, AlertRules, demand_own, parse_rules
from wicketgate.alerts.watch import (
    NEAR_US,
    Silence,
    behind_events,
    due_events,
    emergency_events,
    list_events,
    unfit_events,
    witness_events,
)
from wicketgate.base.alert_settings import AlertSettings, AlertTarget
from wicketgate.base.aside import TasksAside, ThreadsAside
from wicketgate.base.clock import MINUTE_US, Clock
from wicketgate.base.errors import InputError, NotEntitled, StreamError, WicketgateError
from wicketgate.commits.durable import Durable
from wicketgate.commits.transactions import AlertTold
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.filing.alerts import AlertFiling
from wicketgate.gateway.health import HealthWatch
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.hotlists.hits import WAITING
from wicketgate.hotlists.in_force import Hotlists
from wicketgate.hotlists.unlisted import Unfit, Unlisted

if TYPE_CHECKING:
    from wicketgate.gateway.directory import Directory
    from wicketgate.gateway.node import Gateway

log = logging.getLogger(__name__)

_LOOK_S: Final = 0.25
_TELL_S: Final = 1.0
_WATCH_S: Final = 30.0
_BEHIND_S: Final = 5.0
_FORGET_S: Final = 600.0
_PAUSE_S: Final = 5.0
_PATIENCE_S: Final = 10.0
_MOST_TOLD: Final = 100
"""Messages of one transaction; and a thousand times that wait for it at most."""
_CAMERAS_AT_ONCE: Final = 2_000
_TESTS: Final = 5
_TESTS_US: Final = 10 * MINUTE_US


async def open_outbox(gateway: Gateway, files: ExitStack, directory: Directory) -> Outbox:
    """Open the outbox of a deployment, bound to it. One that is missing begins anew: what it held is lost."""
    in_use = bool(gateway.settings.alerts.targets)
    outbox = files.enter_context(closing(Outbox(gateway.deployment.part("alerts"), in_use=in_use)))
    await directory.take(outbox.part, position=outbox.position, passing=True)
    return outbox


class Alerting:
    """The alerts of one gateway that leads.

    Attributes
    ----------
    sent : collections.Counter
        Messages since the start, by what became of each.
    """

    def __init__(
        self,
        commits: Durable,
        clock: Clock,
        settings: AlertSettings,
        address: str,
        *,
        outbox: Outbox,
        hits: HitQueue,
        lists: Hotlists,
        entitlement: Entitlement,
        filing: AlertFiling,
        health: HealthWatch,
        alarms: Callable[[], int],
        courier: Courier | None = None,
    ) -> None:
        self._commits = commits
        self._clock = clock
        self.settings = settings
        self._address = address.rstrip("/")
        self.outbox = outbox
        self._hits = hits
        self._lists = lists
        self._entitlement = entitlement
        self._filing = filing
        self._health = health
        self._alarms = alarms
        self.courier = courier or Courier()
        self._silence = Silence(settings.silent_minutes * MINUTE_US)
        self._behind_us: dict[str, int] = {}
        self._busy: set[str] = set()
        self._sending = TasksAside()
        self._threads = ThreadsAside()
        self._told: deque[AlertTold] = deque(maxlen=_MOST_TOLD * 100)
        self._parsed: dict[str, tuple[bytes, AlertRules]] = {}
        self._tests: dict[str, deque[int]] = {}
        self._telling = False
        self.sent: Counter[str] = Counter()

    @classmethod
    def of(cls, gateway: Gateway) -> Alerting:
        """Return the alerting of a gateway."""
        return cls(
            gateway.commits,
            gateway.clock,
            gateway.settings.alerts,
            gateway.settings.address,
            outbox=gateway.outbox,
            hits=gateway.hits,
            lists=gateway.lists,
            entitlement=gateway.entitlement,
            filing=AlertFiling(gateway.commits),
            health=gateway.health,
            alarms=lambda: gateway.witnessing.alarms,
        )

    # --- for pages and the API ------------------------------------------------------------------------------------

    def rules_of(self, who: str) -> tuple[AlertRules, int]:
        """Return a place's rules and their revision, 0 where there are none."""
        held = self._commits.committed.alert_rules.get(who)
        return (NO_RULES, 0) if held is None else (self._read(who, held.rules), held.revision)

    async def set_rules(self, who: str, rules: AlertRules, by: str, *, revision: int | None = None) -> int:
        """Set a place's rules, by name, and return their revision.

        Raises
        ------
        InputError
            If they tell it what it may not be told, or name a target that is not set up for it; `revision-differs`.
        """
        demand_own(rules, who, self.settings.open_to(who))
        return await self._filing.set_rules(who, rules, by, revision=revision)

    async def test(self, who: str, target: str) -> str:
        """Put a test for a target into the outbox, and return its id.

        Raises
        ------
        InputError
            `not-found` where it is not set up for the place; `busy` where it was tested often, or nothing more fits.
        """
        if target not in self.settings.open_to(who):
            raise InputError("no such target is set up for you", code="not-found")
        now_us = self._clock.now_us()
        past = self._tests.setdefault(who, deque(maxlen=_TESTS))
        if len(past) == _TESTS and now_us - past[0] < _TESTS_US:
            raise InputError(f"at most {_TESTS} tests in ten minutes", code="busy")
        past.append(now_us)
        message = AlertMessage(
            id=message_id(who, target, f"test {now_us}"),
            who=who,
            target=target,
            kind="test",
            priority=4,
            made_us=now_us,
            due_us=now_us,
            words="a test of alerts",
        )
        if not await self._threads.run(self.outbox.put, message):
            raise InputError("too many alerts wait to be sent", code="busy")
        return message.id

    def targets_of(self, who: str) -> list[tuple[AlertTarget, TargetState]]:
        """Return the targets set up for a place, and how each does."""
        states = self.outbox.targets
        open_to = sorted(self.settings.open_to(who).values(), key=lambda one: one.name)
        return [(target, states.get(target.name, TargetState())) for target in open_to]

    async def dead_of(self, who: str) -> list[DeadLetter]:
        """Return a place's dead letters, the latest first."""
        return await self._threads.run(self.outbox.dead, who)

    def waiting_of(self, who: str) -> int:
        """Return how many messages of a place are not sent."""
        return sum(one.who == who for one in list(self.outbox.waiting.values()))

    # --- the work -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Make messages and have them sent, for ever. Whatever goes wrong here ends no gateway."""
        last: dict[str, float] = {"behind": 0.0, "watch": 0.0, "told": 0.0, "forget": 0.0}
        while True:
            await asyncio.sleep(_LOOK_S)
            if not self.outbox.in_use:
                continue
            try:
                await self._round(last)
            except (WicketgateError, lmdb.Error, OSError) as error:
                self.sent["faults"] += 1
                log.error("alerts wait, and are tried again: %s", type(error).__name__)
                await asyncio.sleep(_PAUSE_S)

    async def _round(self, last: dict[str, float]) -> None:
        now_s = asyncio.get_running_loop().time()
        await self._plan_hits()
        for name, every_s, work in (
            ("behind", _BEHIND_S, self._watch_health),
            ("watch", _WATCH_S, self._watch),
            ("forget", _FORGET_S, self._forget),
        ):
            if now_s - last[name] >= every_s:
                last[name] = now_s
                await work()
        if now_s - last["told"] >= _TELL_S and not self._telling:
            last["told"] = now_s
            self._sending.begin(self._tell())  # where nothing can be committed, sending goes on
        for message in self.outbox.due(self._clock.now_us(), self._busy):
            self._busy.add(message.target)
            self._sending.begin(self._send(message))

    async def close(self) -> None:
        """End what sends; what it had under way is sent again at the next start."""
        await self.courier.close()
        await self._sending.settle(2.0)
        if not self._telling:
            await self._tell()
        await self._threads.ended()

    async def _forget(self) -> None:
        await self._threads.run(self.outbox.forget, self._clock.now_us())

    def _rules(self) -> dict[str, AlertRules]:
        """Return the rules of each place that the charter still knows."""
        state = self._commits.committed
        charter = self._commits.parsed.charter(state)
        found = {}
        for who, held in state.alert_rules.items():
            kind, _, name = who.partition(":")
            if (name in charter.offices) if kind == "office" else charter.knows(who):
                try:
                    found[who] = self._read(who, held.rules)
                except InputError as error:  # such as a zone that the database has no more
                    log.error("the rules for alerts of a place cannot be read: %s", error.code)
        return found

    def _read(self, who: str, data: bytes) -> AlertRules:
        known = self._parsed.get(who)
        if known is None or known[0] != data:
            known = self._parsed[who] = data, parse_rules(data)
        return known[1]

    async def _plan_hits(self) -> None:
        while self.outbox.waiting_notes:
            feeds = self._commits.committed.feeds
            owners = {name: f"recipient:{feed.whose}" for name, feed in feeds.items()}
            plan = self.outbox.plan_hits
            if not await self._threads.run(plan, owners, self._rules(), self._clock.now_us()):
                return

    async def _plan(self, events: list[Event], rules: Mapping[str, AlertRules]) -> None:
        if events:
            await self._threads.run(self.outbox.plan, events, rules, self._clock.now_us())

    async def _watch(self) -> None:
        """Look for what is due and what is silent; a piece at a time, for the loop has other work."""
        rules = self._rules()
        if not rules:
            return
        now_us = self._clock.now_us()
        state = self._commits.committed
        events = list(due_events(self._commits.committed_at(now_us), state.held, rules))
        events += await self._due_of_lists(rules, now_us)
        # Aside: when too few count is worked out once for each change of a list.
        unfit = await self._threads.run(self.unfit_lists, now_us)
        events += unfit_events(self._commits.committed_at(now_us), unfit, rules)
        overseer = self._commits.parsed.charter(state).searching.overseer
        events += emergency_events(now_us, state.searches.stopped, overseer, rules)
        counts: dict[str, int] = {}
        for number, camera in enumerate(list(state.cameras)):
            if camera.active:
                name = f"{camera.source}/{camera.id}"
                counts[name] = sum(state.camera_counts.get(name, {}).values())
            if number % _CAMERAS_AT_ONCE == 0:
                await asyncio.sleep(0)
        silent = await self._threads.run(self._silence.look, counts, counts.keys(), rules.keys(), now_us)
        await self._plan(events + silent, rules)

    def unfit_lists(self, at_us: int) -> dict[str, dict[str, Unfit]]:
        """Return of each authority in force that releases what is on none of its lists, which cannot be relied on.

        Where there is one, everything is refused under it. Runs in any thread.
        """
        state, moment = self._commits.committed, self._commits.committed_at(at_us)
        found: dict[str, dict[str, Unfit]] = {}
        for name, named in list(state.authorities.items()):
            number, stands = moment.current_status(named)
            terms = moment.authority(named.versions[number]).unlisted
            if stands == "in-force" and terms is not None:
                asked = self._lists.under(name, state, terms)
                found[name] = asked.unfit(at_us) if isinstance(asked, Unlisted) else {}
        return found

    async def _due_of_lists(self, rules: Mapping[str, AlertRules], now_us: int) -> list[Event]:
        """Return of which lists entries end or must be reviewed soon: told to the list's own unit, and nobody else."""
        found: list[Event] = []
        for who in rules:
            kind, _, unit = who.partition(":")
            authorities = self._entitlement.match_authorities(unit)[0] if kind == "recipient" else []
            for name in [one.name for one in authorities]:
                hotlist = self._lists.at(name, self._commits.committed)
                _, first = await self._threads.run(hotlist.ending, now_us, now_us + NEAR_US, 1)
                for entry in first:
                    found += list_events(now_us, name, entry.until_us, who)
        return found

    async def _watch_health(self) -> None:
        now_us = self._clock.now_us()
        behind = {one.part for one in self._health.behind()}
        self._behind_us = {part: self._behind_us.get(part, now_us) for part in behind}
        told = self._commits.committed.regime.witnessing
        stopped, since_us = (told[-1].stopped, told[-1].at_us) if told else ((), 0)
        if behind or stopped or self._alarms():
            rules = self._rules()
            events = behind_events(behind, self._behind_us, rules, now_us)
            events += witness_events(self._alarms(), stopped, since_us, rules, now_us)
            await self._plan(events, rules)

    # --- sending --------------------------------------------------------------------------------------------------

    async def _send(self, message: AlertMessage) -> None:
        try:
            await self._send_one(message)
        finally:
            self._busy.discard(message.target)

    async def _send_one(self, message: AlertMessage) -> None:
        now_us = self._clock.now_us()
        target = self.settings.open_to(message.who).get(message.target)
        state = self.outbox.targets.get(message.target)
        if target is None:
            await self._give_up(message, "no such target is set up any more")
            return
        if state is not None and state.disabled_us and message.kind != "test":
            await self._give_up(
                message, "the target said that it is gone: a test that arrives opens it again"
            )
            return
        plate, title = "", ""
        if message.hit or message.authority:
            try:
                plate, title = self._of_hit(message)
            except (NotEntitled, InputError):
                await self._threads.run(self.outbox.drop, message)
                self.sent["dropped"] += 1
                return
        said = told(message, self._address, now_us, plate=plate, title=title)
        sent = await self.courier.send(said, self._way(target))
        now_us = self._clock.now_us()
        if not sent.fault:
            await self._threads.run(self.outbox.delivered, message, now_us)
            self._note(message, delivered=True)
            return
        self.sent["failed"] += 1
        failed = self.outbox.failed
        if await self._threads.run(lambda: failed(message, sent.fault, now_us, gone=sent.gone)):
            self._note(message, delivered=False)

    def _of_hit(self, message: AlertMessage) -> tuple[str, str]:
        """Return the plate that a message may carry, and the title of its authority.

        Raises
        ------
        NotEntitled
            If the unit may not see it any more, or it was answered meanwhile.
        """
        unit = message.who.partition(":")[2]
        authority = self._entitlement.entitled_match(unit, message.authority)
        hit = self._hits.get(message.hit)
        if message.count == 1 and (hit is None or hit.status not in WAITING):
            raise NotEntitled("it was answered meanwhile")
        carries = authority.match is not None and authority.match.alerts_plate
        return (hit.plate or "") if hit is not None and carries else "", authority.title

    async def _give_up(self, message: AlertMessage, why: str) -> None:
        await self._threads.run(self.outbox.give_up, message, why, self._clock.now_us())
        self._note(message, delivered=False)

    def _way(self, target: AlertTarget) -> Way:
        match target.kind:
            case "webhook":
                private = tuple(map(str, self.settings.private))
                return ByWebhook(url=target.url, secret=target.secret, private=private)
            case "apprise":
                return ByApprise(url=target.url)
            case "mail":
                mail = self.settings.mail
                assert mail is not None
                return ByMail(
                    to=target.mail,
                    host=mail.host,
                    port=mail.port,
                    tls=mail.tls,
                    sender=mail.sender,
                    user=mail.user,
                    password=mail.password,
                )

    def _note(self, message: AlertMessage, *, delivered: bool) -> None:
        self.sent["delivered" if delivered else "given up"] += 1
        self._told.append(
            AlertTold(
                id=message.id,
                who=message.who,
                target=message.target,
                what=message.kind,
                count=message.count,
                became="delivered" if delivered else "given-up",
            )
        )

    async def _tell(self) -> None:
        """Commit what was told. Where nothing can be committed it waits; sending goes on."""
        if not self._told or self._health.stalled():
            return
        self._telling = True
        some = [self._told.popleft() for _ in range(min(len(self._told), _MOST_TOLD))]
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._filing.tell(some)
        except (StreamError, TimeoutError) as error:
            # Perhaps it is committed: then it is committed twice, which says no more.
            log.warning("what was told of alerts is not committed yet: %s", type(error).__name__)
            self._told.extendleft(reversed(some))
        finally:
            self._telling = False
