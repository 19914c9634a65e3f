"""Metrics of the running gateway for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from wicketgate.base.clock import Clock
from wicketgate.base.loop import LoopGuard
from wicketgate.base.places import Places
from wicketgate.base.space import DiskSpace
from wicketgate.base.streams.server import NatsServer
from wicketgate.commits.durable import Durable
from wicketgate.commits.state import State
from wicketgate.gateway.health import HealthWatch
from wicketgate.gateway.history.role import HistoryRole
from wicketgate.gateway.projections import Projections
from wicketgate.gateway.timekeeping import ClockWatch
from wicketgate.http.connections import HttpBounds
from wicketgate.http.fronts.messages import Counted, MqttCounted
from wicketgate.http.underway import UnderWay
from wicketgate.reads.mqtt.ingress import Ingress
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.obligations.disclosures import owed_at
from wicketgate.regime.stance import Footing, stance_of


def attested_metrics(state: State, now_us: int) -> list[Metric]:
    """Return the metrics of recipients' attestations.

    A receipt that is missing is an alarm.
    """
    disclosed = CounterMetricFamily(
        "wicketgate_disclosed_rows", "Rows that recipients passed on.", labels=["authority", "to"]
    )
    for name, by_recipient in state.totals.disclosures.items():
        for to, rows in by_recipient.items():
            disclosed.add_metric([name, to], rows)
    refused = CounterMetricFamily(
        "wicketgate_disclosures_refused",
        "Disclosures to whom the authority does not allow.",
        labels=["authority"],
    )
    for name, attempts in state.totals.disclosures_refused.items():
        refused.add_metric([name], attempts)
    missing = GaugeMetricFamily(
        "wicketgate_receipt_missing", "1 where a deletion is due and not attested.", labels=["authority"]
    )
    for name, held in state.held.items():
        missing.add_metric([name], 0.0 if owed_at(held, now_us).missing_us is None else 1.0)
    return [disclosed, refused, missing]


class GatewayMetrics:
    """Prometheus metrics of the gateway, read on demand."""

    def __init__(
        self,
        commits: Durable,
        projections: Projections,
        clock: Clock,
        server: NatsServer | None,
        space: DiskSpace,
    ) -> None:
        self._space = space
        self._commits = commits
        self._projections = projections
        self._clock = clock
        self._server = server

    def collect(self) -> list[Metric]:
        totals = self._commits.committed.totals
        metrics: list[Metric] = []
        reads = CounterMetricFamily(
            "wicketgate_reads", "Reads by what became of them at ingest.", labels=["became"]
        )
        for became, count in (
            ("accepted", totals.taken),
            ("repeated", totals.repeated),
            ("quarantined", totals.quarantined),
        ):
            reads.add_metric([became], count)
        unkept = CounterMetricFamily(
            "wicketgate_quarantine_unkept",
            "Quarantined reads of which the count alone is kept.",
            labels=["source"],
        )
        for source, count in self._commits.committed.unkept.items():
            unkept.add_metric([source], count)
        withheld = CounterMetricFamily("wicketgate_withheld_reads", "Reads decided and released to nobody.")
        withheld.add_metric([], totals.withheld)
        released = CounterMetricFamily("wicketgate_released_rows", "Rows released.", labels=["authority"])
        for name, rows in totals.released.items():
            released.add_metric([name], rows)
        refused = CounterMetricFamily(
            "wicketgate_refused_rows", "Rows refused.", labels=["authority", "reason"]
        )
        for authority, reasons in totals.refused.items():
            for reason, rows in reasons.items():
                refused.add_metric([authority, reason], rows)
        behind = GaugeMetricFamily(
            "wicketgate_projection_lag", "Transactions committed and not projected yet."
        )
        behind.add_metric([], self._commits.committed.sequence - self._projections.position)
        full = GaugeMetricFamily("wicketgate_feed_full", "1 where a feed is full.", labels=["authority"])
        held = GaugeMetricFamily("wicketgate_feed_bytes", "Bytes that a feed holds.", labels=["authority"])
        for name, feed in self._projections.feeds.items():
            full.add_metric([name], 1.0 if feed.is_full else 0.0)
            held.add_metric([name], feed.held_bytes)
        without = GaugeMetricFamily(
            "wicketgate_unconsulted_authorities",
            "Authorities in force that no consultation covers, by what stands in for one.",
            labels=["need"],
        )
        for need, count in sorted(unconsulted(self._commits.committed_at(self._clock.now_us())).items()):
            without.add_metric([need], count)
        free = GaugeMetricFamily("wicketgate_disk_free_bytes", "Bytes free on the disk with the least room.")
        free.add_metric([], self._space.free_bytes)
        low = GaugeMetricFamily("wicketgate_disk_low", "1 where less is free than the mark of the alarm.")
        low.add_metric([], float(self._space.is_low))
        stopped = GaugeMetricFamily("wicketgate_disk_full", "1 where no reads are taken for want of room.")
        stopped.add_metric([], float(self._space.is_full))
        metrics += [free, low, stopped]
        size = GaugeMetricFamily("wicketgate_ledger_entries", "Entries of the ledger.")
        size.add_metric([], self._projections.ledger.size)
        restarts = CounterMetricFamily("wicketgate_streams_restarts", "Restarts of the NATS child.")
        restarts.add_metric([], self._server.restarts if self._server else 0)
        metrics.append(without)
        metrics += [reads, unkept, withheld, released, refused, behind, full, held, size, restarts]
        metrics += attested_metrics(self._commits.committed, self._clock.now_us())
        return metrics


_WITHOUT: Mapping[Footing, str] = {
    "notice": "notice",
    "marked": "marked",
    "consultation-due": "within",
    "urgent": "urgent",
    "cover-quashed": "struck",
    "cover-void": "struck",
}
"""What stands in for a consultation, by the footings of an authority in force without one."""


def unconsulted(moment: RegimeAt) -> Counter[str]:
    """Return the number of authorities in force that no consultation covers, by what stands in for one."""
    found: Counter[str] = Counter(dict.fromkeys(_WITHOUT.values(), 0))
    for named in moment.regime.authorities.values():
        number, stands = moment.current_status(named)
        if stands == "in-force" and (need := _WITHOUT.get(stance_of(moment, named, number).footing)):
            found[need] += 1
    return found


class HistoryMetrics:
    """Metrics of the history."""

    def __init__(self, history: HistoryRole, commits: Durable) -> None:
        self._history = history
        self._commits = commits

    def collect(self) -> list[Metric]:
        history, measures = self._history, self._history.measures
        gauges = (
            (
                "wicketgate_history_reads",
                "Reads that the history holds, as of a minute ago.",
                measures and measures.reads,
            ),
            ("wicketgate_history_bytes", "Bytes of the history on the disk.", measures and measures.bytes),
            (
                "wicketgate_history_parts",
                "Parts of its table of reads: some hundred at most.",
                measures and measures.parts,
            ),
            (
                "wicketgate_history_lag",
                "Transactions committed that the history has not taken yet.",
                self._commits.committed.sequence - history.done,
            ),
        )
        metrics: list[Metric] = []
        for name, words, value in gauges:
            gauge = GaugeMetricFamily(name, words)
            gauge.add_metric([], value or 0)
            metrics.append(gauge)
        restarts = CounterMetricFamily(
            "wicketgate_history_replaced", "Processes of the history that ended, and were replaced."
        )
        restarts.add_metric([], history.child.restarts if history.child else 0)
        return [*metrics, restarts]


class LoopMetrics:
    """Metrics of the event loop."""

    def __init__(self, loop: LoopGuard) -> None:
        self._loop = loop

    def collect(self) -> list[Metric]:
        busy = GaugeMetricFamily(
            "wicketgate_loop_longest_seconds",
            "The longest stretch of work on the event loop since the start, by CPU time and by the clock.",
            labels=["by"],
        )
        busy.add_metric(["cpu"], self._loop.longest_s)
        busy.add_metric(["clock"], self._loop.longest_wait_s)
        long = CounterMetricFamily("wicketgate_loop_long_stretches", "Stretches of 50 ms of CPU or more.")
        long.add_metric([], self._loop.long)
        return [busy, long]


class HealthMetrics:
    """Metrics of the gateway's health and clock; each rises from 0 where something is wrong."""

    def __init__(self, health: HealthWatch, watch: ClockWatch | None) -> None:
        self._health = health
        self._watch = watch

    def collect(self) -> list[Metric]:
        health, watch = self._health, self._watch
        gauges = [
            ("wicketgate_second_age_seconds", "Since the log got a second.", health.second_age_s),
            (
                "wicketgate_merge_delay_seconds",
                "Within which it is due, by the charter.",
                health.merge_delay_s,
            ),
            ("wicketgate_reads_waiting_seconds", "Age of the oldest read not decided.", health.reads_wait_s),
            (
                "wicketgate_commits_waiting_seconds",
                "Age of the oldest commit not shown.",
                health.commits_wait_s,
            ),
            (
                "wicketgate_clock_step_seconds",
                "Where the machine's clock stands, from where the start found it; the gateway did not follow.",
                watch.stepped_us / 1e6 if watch else 0.0,
            ),
            (
                "wicketgate_clock_ahead_seconds",
                "Lead of the gateway's time over the machine's clock of the start; it runs at half pace until 0.",
                watch.ahead_us / 1e6 if watch else 0.0,
            ),
        ]
        metrics: list[Metric] = []
        for name, words, value in gauges:
            gauge = GaugeMetricFamily(name, words)
            gauge.add_metric([], value)
            metrics.append(gauge)
        steps = CounterMetricFamily("wicketgate_clock_steps", "Steps of the machine's clock told in the log.")
        steps.add_metric([], watch.steps if watch else 0)
        return [*metrics, steps]


class BoundMetrics:
    """Metrics of the bounds on connections, requests and bodies."""

    def __init__(self, under_way: UnderWay, connections: HttpBounds | None, ingress: Ingress | None) -> None:
        self._under_way = under_way
        self._connections = connections
        self._ingress = ingress

    @property
    def mqtt_at_fronts(self) -> MqttCounted:
        """What fronts count of MQTT."""
        fronts = None if self._connections is None else self._connections.fronts
        return MqttCounted() if fronts is None else fronts.counted().mqtt

    @property
    def _places(self) -> list[Places]:
        http = [] if self._connections is None else [self._connections.places]
        return http if self._ingress is None else [*http, self._ingress.places]

    def collect(self) -> list[Metric]:
        held = GaugeMetricFamily("wicketgate_connections", "Open connections.", labels=["over", "known"])
        short = GaugeMetricFamily(
            "wicketgate_connections_short",
            "1 where one was turned away in the last minute for want of places or descriptors.",
            labels=["over"],
        )
        refused = CounterMetricFamily(
            "wicketgate_connections_refused",
            "Connections turned away or dropped, by whose share was taken up.",
            labels=["over", "why"],
        )
        for places in self._places:
            held.add_metric([places.over, "yes"], places.known)
            held.add_metric([places.over, "no"], places.strangers)
            short.add_metric([places.over], 1.0 if places.is_short else 0.0)
            for why, count in places.refused.items():
                refused.add_metric([places.over, why], count)
        closed = CounterMetricFamily(
            "wicketgate_connections_closed", "Connections over HTTP closed, by why.", labels=["why"]
        )
        if self._connections is not None:
            for why, count in self._connections.closed.items():
                closed.add_metric([why], count)
        bounds = self._connections
        crews: list[Metric] = []
        for what, crew, running, replaced in (
            (
                "front",
                None if bounds is None else bounds.fronts,
                GaugeMetricFamily("wicketgate_fronts", "Fronts that accept connections."),
                CounterMetricFamily("wicketgate_fronts_replaced", "Fronts that ended, and were replaced."),
            ),
            (
                "reader",
                None if bounds is None else bounds.readers,
                GaugeMetricFamily("wicketgate_readers", "Readers that have caught up."),
                CounterMetricFamily("wicketgate_readers_replaced", "Readers that ended, and were replaced."),
            ),
        ):
            running.add_metric([], crew.ready if crew else 0)
            replaced.add_metric([], crew.restarts if crew else 0)
            crews += [running, replaced]
            if crew is None:
                continue
            at, counted = f"HTTP at a {what}", crew.counted()
            over: list[tuple[str, Counted | MqttCounted]] = [(at, counted)]
            if what == "front" and self._ingress is not None:
                over.append(("MQTT at a front", counted.mqtt))
            for name, counts in over:
                held.add_metric([name, "yes"], counts.known)
                held.add_metric([name, "no"], counts.strangers)
                short.add_metric([name], 1.0 if counts.is_short else 0.0)
                for why, count in counts.refused.items():
                    refused.add_metric([name, why], count)
            for why, count in counted.closed.items():
                closed.add_metric([f"{why} at a {what}"], count)
        taken = GaugeMetricFamily(
            "wicketgate_under_way", "Requests, and bytes of bodies, under way.", labels=["what"]
        )
        full = CounterMetricFamily(
            "wicketgate_under_way_refused",
            "Requests and bodies refused, by whose share was taken up.",
            labels=["what", "whose"],
        )
        for what, budget in (
            ("requests", self._under_way.requests),
            ("strangers", self._under_way.strangers),
            ("ceremonies", self._under_way.ceremonies),
            ("body_bytes", self._under_way.bodies),
            ("answer_bytes", self._under_way.answers),
        ):
            taken.add_metric([what], budget.taken)
            for whose, count in budget.refused.items():
                full.add_metric([what, whose], count)
        if bounds is not None and bounds.fronts:
            taken.add_metric(["body_bytes at fronts"], bounds.fronts.counted().body_bytes)
        return [held, short, refused, closed, *crews, taken, full]


class MqttMetrics:
    """Metrics of MQTT, at the gateway and at its fronts."""

    def __init__(self, ingress: Ingress, bounds: BoundMetrics | None) -> None:
        self._ingress = ingress
        self._bounds = bounds

    def collect(self) -> list[Metric]:
        counts = MqttCounted.of(self._ingress)
        if self._bounds is not None:
            counts = counts.plus(self._bounds.mqtt_at_fronts)
        connections = GaugeMetricFamily("wicketgate_mqtt_connections", "Clients connected by MQTT.")
        connections.add_metric([], counts.known)
        messages = CounterMetricFamily(
            "wicketgate_mqtt_messages", "Messages by what became of them.", labels=["became"]
        )
        for became in ("taken", "ignored", "unanswered", "lost"):
            messages.add_metric([became], counts.messages.get(became, 0))
        refused = CounterMetricFamily(
            "wicketgate_mqtt_refused", "Connections refused, by the code of CONNACK.", labels=["code"]
        )
        for code, count in counts.codes.items():
            refused.add_metric([str(code)], count)
        ended = CounterMetricFamily(
            "wicketgate_mqtt_ended", "Connections that ended, by why.", labels=["why"]
        )
        for why, count in counts.ended.items():
            ended.add_metric([why], count)
        return [connections, messages, refused, ended]
