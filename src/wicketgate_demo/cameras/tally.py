"""The counts of simulated cameras.

They say what became of reads, and how long the answers took.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_STEP = math.log(1.02)


class Latencies:
    """The times to acknowledgement, in bounded memory.

    Their steps are two in a hundred.
    """

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._total = 0
        self._most = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        step = math.ceil(math.log(max(seconds, 1e-6)) / _STEP)
        self._counts[step] = self._counts.get(step, 0) + 1
        self._total += 1
        self._most = max(self._most, seconds)

    def quantile_ms(self, share: float) -> float | None:
        """Return the quantile `share` of the times, or None without any."""
        left = math.ceil(self._total * share)
        for step in sorted(self._counts):
            left -= self._counts[step]
            if left <= 0:
                return round(min(math.exp(step * _STEP), self._most) * 1000, 2)
        return None

    def summary(self) -> dict[str, float | None]:
        """Return `p50`, `p99` and `max`, milliseconds."""
        most = round(self._most * 1000, 2) if self._total else None
        return {"p50": self.quantile_ms(0.5), "p99": self.quantile_ms(0.99), "max": most}


@dataclass(slots=True)
class FormatTally:
    """The tally of one wire format.

    `encode_s` is what making its messages took.
    """

    reads: int = 0
    messages: int = 0
    bytes: int = 0
    encode_s: float = 0.0
    latencies: Latencies = field(default_factory=Latencies)

    def to_json(self) -> dict[str, Any]:
        """Return the form printed by `wicketgate simulate`."""
        each = self.reads or 1
        return {
            "reads": self.reads,
            "messages": self.messages,
            "bytes_per_read": round(self.bytes / each),
            "latency_ms": self.latencies.summary(),
            "encode_us_per_read": round(self.encode_s / each * 1e6, 1),
        }


@dataclass(slots=True)
class Tally:
    """The outcomes of the reads.

    A read counts as sent once the gateway has said what became of it.
    """

    accepted: int = 0
    repeated: int = 0
    quarantined: int = 0
    unacknowledged: int = 0
    retries: int = 0
    keepalives: int = 0
    misread: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    latencies: Latencies = field(default_factory=Latencies)
    formats: dict[str, FormatTally] = field(default_factory=dict)

    @property
    def sent(self) -> int:
        """The number of acknowledged reads, whatever their outcome."""
        return self.accepted + self.repeated + self.quarantined

    def of(self, name: str) -> FormatTally:
        """Return the part of a format."""
        found = self.formats.get(name)
        if found is None:
            found = self.formats[name] = FormatTally()
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the last line of `wicketgate simulate`."""
        formats: Mapping[str, Any] = {name: part.to_json() for name, part in sorted(self.formats.items())}
        return {
            "sent": self.sent,
            "accepted": self.accepted,
            "repeated": self.repeated,
            "quarantined": self.quarantined,
            "unacknowledged": self.unacknowledged,
            "retries": self.retries,
            "keepalives": self.keepalives,
            "misread": self.misread,
            "seconds": round(self.seconds, 3),
            "latency_ms": self.latencies.summary(),
            "cpu_us_per_post": round(self.cpu_s / self.sent * 1e6) if self.sent else None,
            "formats": formats,
        }
