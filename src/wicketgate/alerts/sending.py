"""The ways by which an alert leaves: a signed webhook, mail, `apprise`. Each tries once."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import smtplib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final
from urllib.parse import urlsplit

import httpcore

from wicketgate.alerts.addresses import NotAllowed, PinnedBackend, allowed_of, look_up
from wicketgate.alerts.messages import AlertText, webhook_body
from wicketgate.alerts.orders import ByApprise, ByMail, ByWebhook, SendOrder, SendResult
from wicketgate.alerts.signing import secret_of, signature_headers
from wicketgate.base.clock import SECOND_US, rfc3339, to_datetime

log = logging.getLogger(__name__)

_GONE: Final = 410
_AGENT: Final = "wicketgate-alerts"
_APPRISE: Final = ThreadPoolExecutor(8, "apprise")
"""Threads of its own: nobody can cut its connections, and none of them holds up webhooks and mail."""


class _SendFault(Exception):
    """An attempt that came to nothing, in words that may be shown."""

    def __init__(self, words: str, *, gone: bool = False) -> None:
        super().__init__(words)
        self.gone = gone


async def send(order: SendOrder) -> SendResult:
    """Send one message, once, within the order's patience.

    Whatever happens is an answer: nothing of one target reaches another.
    """
    try:
        async with asyncio.timeout(order.patience_s):
            match order.way:
                case ByWebhook():
                    await _webhook(order.told, order.way)
                case ByMail():
                    await _mail(order.told, order.way, order.patience_s)
                case ByApprise():
                    await _apprise(order.told, order.way)
    except _SendFault as fault:
        return SendResult(number=order.number, fault=str(fault), gone=fault.gone)
    except NotAllowed as refused:
        return SendResult(number=order.number, fault=str(refused))
    except TimeoutError:
        return SendResult(number=order.number, fault=f"no whole answer within {order.patience_s:g} seconds")
    except Exception as error:  # noqa: BLE001 - the process goes on for the other targets
        return SendResult(number=order.number, fault=f"could not be sent: {type(error).__name__}")
    return SendResult(number=order.number)


# --- webhooks -----------------------------------------------------------------------------------------------------


async def _webhook(told: AlertText, way: ByWebhook) -> None:
    """Post it. The status says whether it was taken; of the answer's body nothing is read, and nothing is followed."""
    parts = urlsplit(way.url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    private = tuple(map(ipaddress.ip_network, way.private))
    try:
        addresses = allowed_of(await look_up(host, port), private)
    except (socket.gaierror, UnicodeError) as error:
        raise _SendFault("its host is not found") from error
    if not secure:
        _demand_inside(addresses, private)
    body = webhook_body(told, rfc3339(told.at_us))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": _AGENT,
        **signature_headers(secret_of(way.secret), told.id, told.at_us // SECOND_US, body),
    }
    context = ssl.create_default_context() if secure else None
    backend = PinnedBackend(addresses)
    async with httpcore.AsyncConnectionPool(ssl_context=context, network_backend=backend, retries=0) as pool:
        try:
            async with pool.stream("POST", way.url, headers=_bytes(headers), content=body) as answer:
                status = answer.status
        except httpcore.ConnectError as error:
            raise _SendFault(_certificate(error) or "cannot be connected to") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise _SendFault("the connection broke before the answer") from error
    if status == _GONE:
        raise _SendFault("answered 410: it is gone for good", gone=True)
    if 300 <= status < 400:
        raise _SendFault(f"answered {status}: redirects are not followed")
    if not 200 <= status < 300:
        raise _SendFault(f"answered {status}")


def _demand_inside(
    addresses: list[str], private: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
) -> None:
    """Refuse what would cross the net in clear: `http` is for networks that the operator named."""
    for text in addresses:
        address = ipaddress.ip_address(text)
        if not any(address.version == network.version and address in network for network in private):
            raise NotAllowed("`http` is for networks under `private` in [alerts] alone: use `https`")


def _bytes(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _certificate(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "its certificate is not trusted, or it speaks no TLS"
        cause = cause.__cause__ or cause.__context__
    return ""


# --- mail ---------------------------------------------------------------------------------------------------------


async def _mail(told: AlertText, way: ByMail, patience_s: float) -> None:
    """Hand it to the mail server, in a thread that is ended by its socket where it takes too long."""
    held: list[smtplib.SMTP] = []
    try:
        await asyncio.to_thread(_deliver, mail_of(told, way), way, patience_s, held)
    except asyncio.CancelledError:
        for client in held:
            _cut(client)
        raise
    except smtplib.SMTPResponseException as error:
        raise _SendFault(f"the mail server answered {error.smtp_code}") from error
    except smtplib.SMTPRecipientsRefused as error:
        raise _SendFault("the mail server takes none of the addresses") from error
    except smtplib.SMTPNotSupportedError as error:
        raise _SendFault("the mail server offers no STARTTLS, or no way to sign in") from error
    except ssl.SSLError as error:
        raise _SendFault("the mail server's certificate is not trusted") from error
    except (smtplib.SMTPException, OSError) as error:
        raise _SendFault("the mail server cannot be reached, or broke off") from error


def mail_of(told: AlertText, way: ByMail) -> EmailMessage:
    """Return a message as mail. Its id is the same each time it is sent."""
    mail = EmailMessage()
    mail["From"], mail["To"] = way.sender, ", ".join(way.to)
    mail["Subject"] = f"[Wicketgate] {told.title}"
    mail["Date"] = format_datetime(to_datetime(told.at_us))
    mail["Message-ID"] = f"<{told.id}@{way.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # so that nobody's absence note comes back (RFC 3834)
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Wicketgate-Alert"] = told.id
    # Where the text lets it, a link stays on one line as it is.
    mail.set_content(told.text, cte="7bit" if told.text.isascii() else "quoted-printable")
    return mail


def _deliver(mail: EmailMessage, way: ByMail, patience_s: float, held: list[smtplib.SMTP]) -> None:
    context = ssl.create_default_context()
    client: smtplib.SMTP
    if way.tls == "tls":
        client = smtplib.SMTP_SSL(timeout=patience_s, context=context)
        client._host = way.host  # type: ignore[attr-defined]  # for whom TLS is, when it is connected to later
    else:
        client = smtplib.SMTP(timeout=patience_s)
        client._host = way.host  # type: ignore[attr-defined]
    held.append(client)
    try:
        code, _ = client.connect(way.host, way.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, "")
        if way.tls == "starttls":
            client.starttls(context=context)
        if way.user:
            client.login(way.user, way.password)
        refused = client.send_message(mail)
        if refused:
            log.warning("the mail server takes %d of %d addresses of a target not", len(refused), len(way.to))
        try:
            client.quit()
        except (smtplib.SMTPException, OSError):
            return  # it has the mail
    finally:
        client.close()


def _cut(client: smtplib.SMTP) -> None:
    """End what a thread waits for at a server that drips."""
    sock = client.sock
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


# --- apprise ------------------------------------------------------------------------------------------------------


async def _apprise(told: AlertText, way: ByApprise) -> None:
    """Send it by `apprise`, which is loaded here alone: it takes 45 MB."""
    try:
        sent = await asyncio.get_running_loop().run_in_executor(_APPRISE, _notify, told, way.url)
    except ImportError as error:
        raise _SendFault("`apprise` is not installed: install `wicketgate[alerts]`") from error
    if not sent:
        raise _SendFault("`apprise` could not send it")


def _notify(told: AlertText, url: str) -> bool:
    from apprise import Apprise, NotifyType

    sender, joined = Apprise(), "&" if "?" in url else "?"
    return bool(
        sender.add(f"{url}{joined}redirect=no")
        and sender.notify(title=told.title, body=told.text, notify_type=NotifyType.INFO)
    )
