"""The settings of alerts: to which targets they may go, and how mail leaves."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.stream_urls import is_loopback

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
TargetKind = Literal["webhook", "mail", "apprise"]
MailTls = Literal["starttls", "tls", "none"]

MOST_TARGETS: Final = 200
_CHATS = "discord gchat mattermost mmost mmosts matrix matrixs msteams rocket rockets slack tgram workflows xmpp xmpps"
_OTHERS = "gotify gotifys mailto mailtos ntfy ntfys opsgenie pagerduty pover signals sns twilio"
APPRISE_SCHEMES: Final = frozenset(f"{_CHATS} {_OTHERS}".split())
"""The schemes of `apprise` that a target may have; it knows others, which reach this machine itself."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_PLACE = re.compile(r"(recipient|office|source):[a-z0-9-]{1,64}(/[a-z0-9-]{1,64})?", re.ASCII)
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,200}", re.ASCII)
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{32,88}={0,2}", re.ASCII)
_KEYS = {"for", "webhook", "secret_file", "mail", "apprise_file"}
_MAIL_KEYS = {"host", "port", "tls", "user", "password_file", "from"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTarget:
    """Where alerts of some places may go.

    Attributes
    ----------
    places : frozenset of str
        Whose rules may name it, such as `recipient:met/duty-desk`.
    url : str
        Of a webhook, or of `apprise`; it may hold a credential, and is shown to nobody.
    secret : str
        By which webhooks are signed.
    mail : tuple of str
        Addresses.
    """

    name: str
    kind: TargetKind
    places: frozenset[str]
    url: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    mail: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Where it leads, without any credential."""
        if self.kind == "mail":
            return ", ".join(self.mail)
        parts = urlsplit(self.url)
        return parts.hostname or "?" if self.kind == "webhook" else f"{parts.scheme} (apprise)"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """The mail server by which alerts leave."""

    host: str
    port: int
    tls: MailTls
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """What the operator lets alerts reach.

    Attributes
    ----------
    private : tuple of Network
        Networks of this machine, this house or none in particular to which webhooks may go all the same.
    silent_minutes : int
        After which a camera that sends nothing is silent.
    """

    targets: Mapping[str, AlertTarget] = field(default_factory=dict)
    mail: MailSettings | None = None
    private: tuple[Network, ...] = ()
    silent_minutes: int = 60

    def open_to(self, place: str) -> dict[str, AlertTarget]:
        """Return the targets that the rules of a place may name."""
        return {name: target for name, target in self.targets.items() if place in target.places}


def parse_alerts(
    folder: Path, data: object, address: str, read_secret: Callable[[Path], str]
) -> AlertSettings:
    """Return the settings in the table `alerts`.

    Raises
    ------
    ConfigurationError
        Naming the setting and what is wrong with it.
    """
    if not isinstance(data, dict):
        raise ConfigurationError("`alerts` must be a table")
    values = dict(data)
    targets, mail = values.pop("targets", {}), values.pop("mail", None)
    private, silent = values.pop("private", []), values.pop("silent_minutes", 60)
    if values:
        raise ConfigurationError(f"`{next(iter(values))}` in [alerts] is not a setting")
    if type(silent) is not int or not 1 <= silent <= 7 * 24 * 60:
        raise ConfigurationError("`silent_minutes` in [alerts] must lie between 1 and 10080")
    if not isinstance(targets, dict) or len(targets) > MOST_TARGETS:
        raise ConfigurationError(f"[alerts.targets] holds at most {MOST_TARGETS} tables")
    settings = AlertSettings(
        targets={name: _target(folder, name, one, read_secret) for name, one in targets.items()},
        mail=None if mail is None else _mail(folder, mail, read_secret),
        private=_networks(private),
        silent_minutes=silent,
    )
    if targets and not address:
        raise ConfigurationError("[alerts] needs `address` in wicketgate.toml: each message has a link")
    if settings.mail is None and any(one.kind == "mail" for one in settings.targets.values()):
        raise ConfigurationError("a target of kind `mail` needs [alerts.mail]")
    return settings


def _target(folder: Path, name: str, data: object, read_secret: Callable[[Path], str]) -> AlertTarget:
    where = f"[alerts.targets.{name[:64]}]"
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{where}: names are small letters, digits and `-`")
    if not isinstance(data, dict) or data.keys() - _KEYS:
        raise ConfigurationError(f"{where} holds {', '.join(f'`{key}`' for key in sorted(_KEYS))} alone")
    places = data.get("for")
    if not isinstance(places, list) or not places or not all(_is(_PLACE, one) for one in places):
        raise ConfigurationError(
            f"{where}: `for` lists places, such as `recipient:met/duty-desk`, `office:met/oversight`, `source:tfl`"
        )
    kinds = sorted(data.keys() & {"webhook", "mail", "apprise_file"})
    if len(kinds) != 1 or (("secret_file" in data) != (kinds[0] == "webhook")):
        raise ConfigurationError(
            f"{where} needs one of `webhook` with `secret_file`, `mail`, or `apprise_file`"
        )
    if kinds[0] == "mail":
        to = data["mail"]
        if not isinstance(to, list) or not 1 <= len(to) <= 20 or not all(_is(_MAIL, one) for one in to):
            raise ConfigurationError(f"{where}: `mail` lists 1 to 20 addresses")
        return AlertTarget(name=name, kind="mail", places=frozenset(places), mail=tuple(to))
    file = data.get("secret_file", data.get("apprise_file"))
    if not isinstance(file, str):
        raise ConfigurationError(f"{where}: a secret stands in a file")
    secret = read_secret(folder / file)
    if kinds[0] == "apprise_file":
        if urlsplit(secret).scheme.lower() not in APPRISE_SCHEMES or len(secret.split()) != 1:
            raise ConfigurationError(
                f"{where}: the file holds one URL of {', '.join(sorted(APPRISE_SCHEMES))}"
            )
        return AlertTarget(name=name, kind="apprise", places=frozenset(places), url=secret)
    if not _SECRET.fullmatch(secret):
        raise ConfigurationError(f"{where}: the secret is `whsec_` and 24 to 64 bytes in base64")
    return AlertTarget(
        name=name,
        kind="webhook",
        places=frozenset(places),
        url=_webhook(where, data["webhook"]),
        secret=secret,
    )


def _is(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _webhook(where: str, url: object) -> str:
    try:
        parts = urlsplit(url) if isinstance(url, str) and url.isascii() and url.isprintable() else None
        good = parts is not None and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        parts, good = None, False
    if parts is None or not good or parts.scheme not in {"https", "http"} or parts.username is not None:
        raise ConfigurationError(f"{where}: `webhook` is a URL with `https`, a host, and no user")
    return str(url)


def _mail(folder: Path, data: object, read_secret: Callable[[Path], str]) -> MailSettings:
    if not isinstance(data, dict) or data.keys() - _MAIL_KEYS or not {"host", "from"} <= data.keys():
        raise ConfigurationError(
            "[alerts.mail] needs `host` and `from`, and takes `port`, `tls`, `user`, `password_file`"
        )
    tls = data.get("tls", "starttls")
    port = data.get("port", {"tls": 465, "starttls": 587}.get(tls, 25))
    host, user, file = data["host"], data.get("user", ""), data.get("password_file", "")
    if not all(isinstance(one, str) for one in (host, user, file, tls)) or not host:
        raise ConfigurationError("[alerts.mail]: `host`, `user`, `password_file` and `tls` are texts")
    if tls not in {"starttls", "tls", "none"} or type(port) is not int or not 0 < port <= 65_535:
        raise ConfigurationError("[alerts.mail]: `tls` is `starttls`, `tls` or `none`, `port` below 65536")
    if tls == "none" and (user or not is_loopback(host)):
        raise ConfigurationError(
            "[alerts.mail]: without TLS mail goes to this machine alone, and without a user"
        )
    if not _is(_MAIL, data["from"]) or bool(user) != bool(file):
        raise ConfigurationError("[alerts.mail]: `from` is an address; `user` needs `password_file`")
    password = read_secret(folder / file) if file else ""
    return MailSettings(host=host, port=port, tls=tls, sender=data["from"], user=user, password=password)


def _networks(data: object) -> tuple[Network, ...]:
    try:
        if not isinstance(data, list) or not all(isinstance(one, str) for one in data):
            raise ValueError("a list of networks is needed")
        return tuple(ipaddress.ip_network(one) for one in data)
    except ValueError as error:
        raise ConfigurationError(f"`private` in [alerts] lists networks: {error}") from error
