"""Judge whether a log is of this time: by its register, and by this machine's clock."""

from __future__ import annotations

from wicketgate.base.clock import SECOND_US, rfc3339
from wicketgate.clients.verify.register import STALE_US
from wicketgate.clients.verify.report import Check, Findings
from wicketgate.regime.charter import Charter

_CATCH_UP_US = 10 * SECOND_US
_SKEW_US = 60 * SECOND_US
"""How far a log's own time may be from this machine's clock."""


def check_fresh(as_of_us: int, last_us: int | None, now_us: int, charter: Charter) -> Check:
    """Refuse a log that stands still, or whose time is not that of its register and of this machine.

    Parameters
    ----------
    as_of_us : int
        The register's own time.
    last_us : int, optional
        The end of the log's last second; None where it has none.
    now_us : int
        This machine's clock, when the register came.
    """
    found = Findings("fresh")
    age_us = as_of_us - (last_us or 0)
    if last_us is None:
        found.add("the log has no second yet, so nothing says that it goes on")
    elif age_us > STALE_US:
        found.add(
            f"the last second ends at {rfc3339(last_us)}, {age_us // SECOND_US} s before the register's "
            "own time"
        )
    elif -age_us > STALE_US + _CATCH_UP_US:
        found.add(
            f"the register is of {rfc3339(as_of_us)}, {-age_us // SECOND_US} s before the end of the log's last "
            "second: an old one is shown"
        )
    own_s = (now_us - as_of_us) / SECOND_US
    clock = f"this machine's clock is {own_s:+.0f} s from that"
    if charter.demonstration:
        clock += ", which is not judged: it is a demonstration, whose clock may be simulated"
    elif abs(now_us - as_of_us) > _SKEW_US:
        found.add(
            f"its time is {rfc3339(as_of_us)}, and {clock}: what ends by the clock does not end when it should "
            "(or set this machine's clock)"
        )
    return found.close(
        f"the last second ends at {rfc3339(last_us or 0)}, {max(age_us, 0) / SECOND_US:.1f} s before "
        f"the register's time {rfc3339(as_of_us)}; {clock}"
    )


def check_not_ahead(last_us: int, now_us: int) -> Check:
    """Refuse a log in a folder that is ahead of this machine's clock. It may be old: a copy is."""
    found = Findings("fresh")
    if last_us > now_us + _SKEW_US:
        found.add(
            f"the last second ends at {rfc3339(last_us)}, {(last_us - now_us) // SECOND_US} s ahead of this "
            "machine's clock"
        )
    age_s = max(now_us - last_us, 0) // SECOND_US
    return found.close(
        f"the last second ended {age_s} s ago by this machine's clock; a folder does not say whether the log "
        "goes on"
    )
