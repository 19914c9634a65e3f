"""A look at a deployment on its own machine, before a start or beside a running gateway: what is wrong, and what to do.

It changes nothing, and waits for nobody.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from cryptography import x509

from wicketgate.base.clock import DAY_US, SECOND_US, from_datetime
from wicketgate.base.errors import WicketgateError
from wicketgate.base.settings import Settings, load_settings
from wicketgate.base.space import DiskSpace
from wicketgate.base.stream_urls import is_loopback
from wicketgate.base.tls import server_context
from wicketgate.gateway.deployment import PARTS, Deployment

Verdict = Literal["good", "look", "wrong"]

CERTIFICATE_LOOK_US: Final = 21 * DAY_US
"""A certificate that ends sooner should have been renewed by whatever renews it."""
_FILES: Final = 4096
_TIMEOUT_S: Final = 3.0
_UNSYNCHRONISED: Final = 5
_SECRETS: Final = ("keys", "content-keys", "answer-keys", "history-keys", "quarantine-keys", "roles")
_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """What was found of one thing.

    Attributes
    ----------
    what : str
        What was looked at: `rights`, `disk`, `clock`, …
    verdict : str
        `good`; `look`, which a person should; `wrong`, with which reads are lost or refused.
    words : str
        What was seen.
    remedy : str
        What to do; empty where all is well.
    """

    what: str
    verdict: Verdict
    words: str
    remedy: str = ""


def look_at(folder: Path, now_us: int) -> Iterator[Symptom]:
    """Yield what is found of a deployment.

    Parameters
    ----------
    now_us : int
        The machine's time, microseconds.
    """
    deployment = Deployment(folder)
    try:
        deployment.demand()
        settings = load_settings(folder)
    except WicketgateError as error:
        yield Symptom(what="directory", verdict="wrong", words=error.detail, remedy="look there first")
        return
    yield Symptom(what="directory", verdict="good", words=f"`{folder}` is a whole deployment")
    yield from _rights(folder)
    yield _disk(folder, settings)
    yield _clock()
    yield _files()
    runs = _runs(folder)
    yield _port("port", settings.host, settings.port, runs=runs)
    if settings.mqtt is not None:
        yield _port("MQTT", settings.mqtt.host, settings.mqtt.port, runs=runs)
    if settings.streams is not None:
        yield from (_streams(url) for url in settings.streams.urls)
    for where, certificate, key in (
        ("certificate", settings.certificate, settings.certificate_key),
        *(
            [("certificate of MQTT", settings.mqtt.certificate, settings.mqtt.key)]
            if settings.mqtt is not None
            else []
        ),
    ):
        if certificate is not None and key is not None:
            yield _certificate(where, certificate, key, now_us)
    if settings.certificate is None and not is_loopback(settings.host):
        yield Symptom(
            what="certificate",
            verdict="look",
            words=f"it listens at {settings.host} in clear: whoever is between reads plates and tokens",
            remedy="set `certificate` and `key`, or put a web server with TLS before it and listen at 127.0.0.1",
        )


# --- the machine --------------------------------------------------------------------------------------------------


def _rights(folder: Path) -> Iterator[Symptom]:
    """Yield whether anybody else can read what is secret."""
    open_to_others: list[Path] = []
    for name in (*_SECRETS, *(part for part in PARTS if part != "log")):
        base = folder / name
        for path in (base, *(base.rglob("*") if name == "keys" else ())):
            with contextlib.suppress(OSError):
                if stat.S_IMODE(path.stat().st_mode) & 0o077:
                    open_to_others.append(path)
    foreign = [one for one in _owned(folder) if one.stat().st_uid != folder.stat().st_uid]
    if open_to_others:
        named = " ".join(f"'{path}'" for path in open_to_others[:_MOST_NAMED])
        yield Symptom(
            what="rights",
            verdict="wrong",
            words=f"others may read {len(open_to_others)} secret files or folders",
            remedy=f"chmod go= {named}{' …' if len(open_to_others) > _MOST_NAMED else ''}",
        )
    elif foreign:
        yield Symptom(
            what="rights",
            verdict="wrong",
            words=f"`{foreign[0]}` is not of the user to whom the directory belongs",
            remedy=f"chown -R --reference='{folder}' '{folder}'",
        )
    else:
        yield Symptom(what="rights", verdict="good", words="only the gateway's user can read keys and parts")


def _owned(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from (folder / "keys").iterdir()
        yield from (one for one in folder.iterdir())


def _disk(folder: Path, settings: Settings) -> Symptom:
    parts = (folder, *(folder / name for name in PARTS))
    space = DiskSpace(parts, alarm_bytes=settings.disk_alarm_bytes, stop_bytes=settings.disk_stop_bytes)
    words = f"{space.free_bytes >> 20:,} MiB are free"
    if space.is_full:
        return Symptom(
            what="disk",
            verdict="wrong",
            words=f"{words}: no reads are taken",
            remedy="make room, or a larger disk",
        )
    if space.is_low:
        return Symptom(
            what="disk",
            verdict="look",
            words=f"{words}: soon no reads are taken",
            remedy="make room (docs/operator.md)",
        )
    return Symptom(what="disk", verdict="good", words=words)


def _clock() -> Symptom:
    """Return whether the kernel says that something keeps its clock right."""
    try:
        # `modes` is 0: it sets nothing. 256 bytes hold the structure on every architecture.
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(256))
    except (OSError, AttributeError):
        state = -1
    if state == _UNSYNCHRONISED:
        return Symptom(
            what="clock",
            verdict="look",
            words="the kernel's clock is not kept right by anything it knows of",
            remedy="run chrony or systemd-timesyncd (in a container: on its host)",
        )
    if state < 0:
        return Symptom(
            what="clock", verdict="look", words="the kernel does not say who keeps its clock right"
        )
    return Symptom(what="clock", verdict="good", words="the kernel's clock is synchronised")


def _files() -> Symptom:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < _FILES:
        return Symptom(
            what="open files",
            verdict="look",
            words=f"at most {hard} may be open: so many connections less",
            remedy="LimitNOFILE=65536 in the unit",
        )
    return Symptom(what="open files", verdict="good", words="enough may be open")


# --- ports, streams, certificates ------------------------------------------------------------------------------------


def _runs(folder: Path) -> bool:
    """Return whether a gateway holds the directory."""
    try:
        handle = os.open(folder / "lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)  # and with it the lock, if it was taken
    return False


def _port(what: str, host: str, port: int, *, runs: bool) -> Symptom:
    where = f"{host}:{port}"
    if port == 0:
        return Symptom(
            what=what, verdict="look", words="`port` is 0: another one at each start", remedy="set `port`"
        )
    if runs:
        return _answers(what, "127.0.0.1" if host in ("0.0.0.0", "::") else host, port)  # noqa: S104 - compared
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return Symptom(
            what=what,
            verdict="wrong",
            words=f"no gateway runs here, and {where} cannot be taken: {(error.strerror or 'error').lower()}",
            remedy=f"find who has it (ss -ltnp 'sport = :{port}'), or set another `port`",
        )
    return Symptom(what=what, verdict="good", words=f"no gateway runs; {where} is free for it")


def _answers(what: str, host: str, port: int) -> Symptom:
    try:
        socket.create_connection((host, port), _TIMEOUT_S).close()
    except OSError as error:
        return Symptom(
            what=what,
            verdict="look",
            words=f"a gateway runs, and {host}:{port} does not answer: {(error.strerror or 'no answer').lower()}",
            remedy="was it started with another --port? If not, look at its log",
        )
    return Symptom(what=what, verdict="good", words=f"a gateway runs, and {host}:{port} answers")


def _streams(url: str) -> Symptom:
    host, _, port = url.partition("://")[2].rpartition("@")[2].rpartition(":")
    shown = f"{host}:{port}"
    try:
        # A server of NATS speaks first.
        with socket.create_connection((host.strip("[]"), int(port)), _TIMEOUT_S) as connection:
            greets = url.startswith("tls://") or connection.recv(4) == b"INFO"
    except (OSError, ValueError) as error:
        return Symptom(
            what="NATS",
            verdict="wrong",
            words=f"{shown} does not answer: {error}",
            remedy="start it, or set `[streams]` right",
        )
    if not greets:
        return Symptom(what="NATS", verdict="wrong", words=f"{shown} answers, and is no server of NATS")
    return Symptom(what="NATS", verdict="good", words=f"{shown} answers")


def _certificate(what: str, certificate: Path, key: Path, now_us: int) -> Symptom:
    try:
        server_context(certificate, key, what)
        found = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    except (WicketgateError, OSError, ValueError, ssl.SSLError) as error:
        return Symptom(
            what=what, verdict="wrong", words=str(error), remedy="put the certificate with its chain there"
        )
    return ending(what, from_datetime(found.not_valid_after_utc), now_us)


def ending(what: str, until_us: int, now_us: int) -> Symptom:
    """Return what is found of a certificate that is good until a time."""
    days = (until_us - now_us) // DAY_US
    if until_us <= now_us:
        return Symptom(
            what=what, verdict="wrong", words="it has ended: nobody connects", remedy="renew it now"
        )
    if until_us - now_us < CERTIFICATE_LOOK_US:
        return Symptom(
            what=what,
            verdict="look",
            words=f"it ends in {days} days",
            remedy="look why nothing has renewed it",
        )
    return Symptom(what=what, verdict="good", words=f"it is good for {days} days")


def apart(there_us: int, here_us: Callable[[], int]) -> Symptom:
    """Return what is found of two clocks that are read at once."""
    gap_s = abs(there_us - here_us()) / SECOND_US
    if gap_s > 2:
        return Symptom(
            what="clocks",
            verdict="look",
            words=f"the gateway's clock and this one are {gap_s:.0f} s apart",
            remedy="set the one right that is wrong: reads from ahead of the gateway's clock are refused",
        )
    return Symptom(what="clocks", verdict="good", words="the gateway's clock and this one agree")
