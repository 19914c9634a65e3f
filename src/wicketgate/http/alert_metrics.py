"""Metrics of alerts."""

from __future__ import annotations

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from wicketgate.base.clock import Clock
from wicketgate.gateway.alerting import Alerting


class AlertMetrics:
    """Metrics of alerts: what waits, what was given up, which targets fail. Targets are named, places are not."""

    def __init__(self, alerting: Alerting, clock: Clock) -> None:
        self._alerting = alerting
        self._clock = clock

    def collect(self) -> list[Metric]:
        alerting, outbox = self._alerting, self._alerting.outbox
        sent = CounterMetricFamily(
            "wicketgate_alerts", "Attempts to tell, by what became of them.", labels=["became"]
        )
        for became in ("delivered", "failed", "given up", "dropped", "faults"):
            sent.add_metric([became], alerting.sent[became])
        waiting = GaugeMetricFamily("wicketgate_alerts_waiting", "Messages that are not sent.")
        waiting.add_metric([], len(outbox.waiting))
        notes = GaugeMetricFamily("wicketgate_alerts_hits_waiting", "Hits that are to become messages.")
        notes.add_metric([], outbox.waiting_notes)
        dead = GaugeMetricFamily("wicketgate_alerts_dead", "Messages given up, of the last seven days.")
        dead.add_metric([], len(outbox.dead()))
        lost = CounterMetricFamily("wicketgate_alerts_not_kept", "What was not kept, by why.", labels=["why"])
        for why, count in outbox.dropped.items():
            lost.add_metric([why], count)
        failing = GaugeMetricFamily(
            "wicketgate_alert_target_failures", "Attempts in a row that failed.", labels=["target"]
        )
        off = GaugeMetricFamily("wicketgate_alert_target_off", "1 where it answered 410.", labels=["target"])
        for name in alerting.settings.targets:
            state = outbox.targets.get(name)
            failing.add_metric([name], state.failures if state else 0)
            off.add_metric([name], 1.0 if state and state.disabled_us else 0.0)
        ended = CounterMetricFamily(
            "wicketgate_alerts_process_ended", "Ends of the process that sends, at work."
        )
        ended.add_metric([], alerting.courier.restarts)
        unfit = GaugeMetricFamily(
            "wicketgate_list_unfit",
            "Lists of what stays that cannot be relied on: with any, nothing leaves under their authority.",
            labels=["authority"],
        )
        for name, lists in alerting.unfit_lists(self._clock.now_us()).items():
            unfit.add_metric([name], len(lists))
        return [sent, waiting, notes, dead, lost, failing, off, ended, unfit]
