"""A deployment's settings.

Its operator may set where things are, never what may leave.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from wicketgate.base.adapter_settings import parse_adapters
from wicketgate.base.alert_settings import AlertSettings, parse_alerts
from wicketgate.base.alert_settings import Network as Network
from wicketgate.base.backup_settings import parse_backup
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.limits import ConnectionLimits
from wicketgate.base.register_settings import RegisterSettings, parse_registers
from wicketgate.base.stream_settings import Login as Login
from wicketgate.base.stream_settings import PasswordLogin as PasswordLogin
from wicketgate.base.stream_settings import SeedLogin as SeedLogin
from wicketgate.base.stream_settings import StreamsSettings as StreamsSettings
from wicketgate.base.stream_urls import is_loopback, streams_url


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSettings:
    """Where the MQTT ingress listens.

    With a certificate it speaks TLS alone. Port 0 takes a free one.
    """

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None

    @property
    def is_local(self) -> bool:
        """Whether this machine alone can reach it."""
        return is_loopback(self.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesSettings:
    """The S3 store in which images lie instead of the deployment's folder.

    Attributes
    ----------
    bucket, prefix : str
        Where in it; the prefix is this deployment's alone.
    endpoint : str or None
        The server; None for Amazon's own.
    """

    bucket: str
    prefix: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    endpoint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A deployment's settings.

    Attributes
    ----------
    folder : Path
        The deployment's directory.
    streams : StreamsSettings or None
        An external NATS server; None for the child process.
    mqtt : MqttSettings or None
        The MQTT ingress; None where there is none.
    images : ImagesSettings or None
        The store of images; None for the folder.
    host, port : str, int
        Where the gateway listens; port 0 takes a free one.
    certificate, certificate_key : Path or None
        With them it speaks TLS alone; without, in clear, for this machine or a web server with TLS before it.
    feed_bytes : int
        Size at which one feed is full.
    address : str
        Where the public reaches it, such as `https://gate.example`; empty for the address of each request.
    contact : str
        Who answers questions, as `/about` shows it; empty for nobody.
    disk_alarm_bytes, disk_stop_bytes : int or None
        Free space below which there is an alarm, and below which nothing new is taken; None for a share of the
        disk (`DiskSpace`).
    proxies : tuple of Network
        Whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed; nobody's else, not the loopback's either.
    quarantine_items, quarantine_bytes : int
        What the quarantine keeps of one source in an hour; beyond it is counted alone.
    limits : ConnectionLimits
        The bounds on connections, requests and bytes.
    provider_secrets : mapping of str to str
        The secrets of the gateway at organisations' providers, by `organisation/provider`.
    fronts : int or None
        Processes that take what sources send; None for one for each core but one, at most four.
    alerts : AlertSettings
        Where alerts may go.
    readers : int or None
        Processes that serve what is public, and feeds; None for none on two cores, one up to four, and two above.
    history : bool
        Whether accepted reads are kept for their source's retention, to be asked about.
    registers : mapping of str to RegisterSettings
        The registers of keepers that can be asked, by name.
    backup_recipients : tuple of str
        The age keys to which the keys of backups are encrypted; none until it is set.
    adapters : mapping of str to str
        The text of each of the operator's own adapters (`reads.adapters.forms`) by its name.
    """

    folder: Path
    streams: StreamsSettings | None = None
    mqtt: MqttSettings | None = None
    images: ImagesSettings | None = None
    host: str = "127.0.0.1"
    port: int = 8443
    certificate: Path | None = None
    certificate_key: Path | None = None
    feed_bytes: int = 64 * 1024**3
    disk_alarm_bytes: int | None = None
    disk_stop_bytes: int | None = None
    address: str = ""
    contact: str = ""
    proxies: tuple[Network, ...] = ()
    quarantine_items: int = 10_000
    quarantine_bytes: int = 32 * 1024**2
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    provider_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    fronts: int | None = None
    readers: int | None = None
    alerts: AlertSettings = field(default_factory=AlertSettings)
    history: bool = False
    registers: Mapping[str, RegisterSettings] = field(default_factory=dict)
    backup_recipients: tuple[str, ...] = ()
    adapters: Mapping[str, str] = field(default_factory=dict)

    @property
    def front_processes(self) -> int:
        """The number of fronts: as the settings say, or one for each core but the gateway's own, at most four."""
        if self.fronts is not None:
            return self.fronts
        return min(_USUAL_FRONTS, max(0, len(os.sched_getaffinity(0)) - 1))

    @property
    def reader_processes(self) -> int:
        """The number of readers: as the settings say, or as the cores suggest."""
        if self.readers is not None:
            return self.readers
        return min(_USUAL_READERS, (len(os.sched_getaffinity(0)) - 1) // 2)


_MOST_PROCESSES = 64
_USUAL_READERS = 2
_USUAL_FRONTS = 4  # these take more than one gateway can decide
_KEYS = {
    "host": str,
    "port": int,
    "feed_bytes": int,
    "quarantine_items": int,
    "quarantine_bytes": int,
    "disk_alarm_bytes": int,
    "disk_stop_bytes": int,
    "address": str,
    "contact": str,
    "history": bool,
    "fronts": int,
    "readers": int,
}
_ADDRESS = re.compile(r"(https?://[A-Za-z0-9.:\[\]-]+)?", re.ASCII)
_STREAMS_KEYS = {
    "url": str,
    "user": str,
    "password_file": str,
    "system_user": str,
    "system_password_file": str,
    "ca_file": str,
}
_IMAGES_KEYS = {
    "url": str,
    "region": str,
    "access_key_file": str,
    "secret_key_file": str,
    "endpoint": str,
}
_STORE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([A-Za-z0-9][A-Za-z0-9._/-]{0,200})", re.ASCII)
_PROVIDER = re.compile(r"[a-z0-9-]{1,64}/[a-z0-9-]{1,64}", re.ASCII)
_MQTT_KEYS = {"host": str, "port": int, "certificate": str, "key": str}


def load_settings(folder: Path) -> Settings:
    """Return the settings of the deployment in `folder`.

    Raises
    ------
    ConfigurationError
        If `folder` is not a deployment, or a setting is unknown or of the wrong type.
    """
    path = folder / "wicketgate.toml"
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"`{folder}` is not a deployment: make one with `wicketgate init`"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"`{path}` cannot be read") from error
    return parse_settings(text, folder)


def parse_settings(
    text: bytes, folder: Path, *, streams_url: str | None = None, follows: bool = False
) -> Settings:
    """Return the settings in the text of a `wicketgate.toml`.

    The paths in it are relative to `folder`.

    Parameters
    ----------
    streams_url : str, optional
        Where the streams are, instead of what the text says.
    follows : bool
        Whether it is a role's that makes nothing durable: then it knows of no system user.

    Raises
    ------
    ConfigurationError
        As `load_settings`.
    """
    name = "wicketgate.toml"
    try:
        data = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"`{name}` is not TOML: {error}") from error
    streams = data.pop("streams", None)
    mqtt = data.pop("mqtt", None)
    images = data.pop("images", None)
    proxies = data.pop("proxies", [])
    providers = data.pop("providers", {})
    alerts = data.pop("alerts", {})
    registers = data.pop("registers", {})
    backup = data.pop("backup", None)
    adapters = data.pop("adapters", {})
    limits = ConnectionLimits.parse(data.pop("limits", {}))
    certificate, certificate_key = _secured(folder, data, name)
    _check(data, _KEYS, name)
    if not 0 <= data.get("port", 0) <= 65_535:
        raise ConfigurationError(f"`port` in {name} must lie between 0 and 65535")
    for key in ("fronts", "readers"):
        if not 0 <= data.get(key, 0) <= _MOST_PROCESSES:
            raise ConfigurationError(f"`{key}` in {name} must lie between 0 and {_MOST_PROCESSES}")
    if data.get("feed_bytes", 1) <= 0:
        raise ConfigurationError(f"`feed_bytes` in {name} must be positive")
    if not _ADDRESS.fullmatch(data.get("address", "")):
        raise ConfigurationError(f"`address` in {name} must be like `https://gate.example`, without a path")
    if len(data.get("contact", "")) > 300 or not data.get("contact", "").isprintable():
        raise ConfigurationError(f"`contact` in {name} is one line of at most 300 characters")
    for key in ("quarantine_items", "quarantine_bytes", "disk_alarm_bytes", "disk_stop_bytes"):
        if data.get(key, 0) < 0:
            raise ConfigurationError(f"`{key}` in {name} must not be negative")
    return _demand_shared(
        Settings(
            folder=folder,
            streams=None if streams is None else _streams(folder, streams, streams_url, follows=follows),
            mqtt=None if mqtt is None else _mqtt(folder, mqtt),
            images=None if images is None else _images(folder, images),
            certificate=certificate,
            certificate_key=certificate_key,
            proxies=_networks(proxies),
            limits=limits,
            provider_secrets=_providers(folder, providers),
            registers=parse_registers(folder, registers, read_secret),
            backup_recipients=() if backup is None else parse_backup(backup),
            adapters=parse_adapters(folder, adapters),
            alerts=parse_alerts(folder, alerts, data.get("address", ""), read_secret),
            **data,
        )
    )


def _networks(data: object) -> tuple[Network, ...]:
    """Return the networks of `proxies`; a network with bits of a host in it is a slip, and refused."""
    if not isinstance(data, list) or not all(isinstance(one, str) for one in data):
        raise ConfigurationError("`proxies` must be a list of networks")
    try:
        return tuple(ipaddress.ip_network(one) for one in data)
    except ValueError as error:
        raise ConfigurationError(
            f"`proxies` must hold networks, such as `127.0.0.1/32` or `2001:db8::/64`: {error}"
        ) from error


def _streams(folder: Path, data: object, url: str | None, *, follows: bool) -> StreamsSettings:
    if not isinstance(data, dict):
        raise ConfigurationError("`streams` must be a table")
    values = {**data, **({} if url is None else {"url": url})}
    replicas, standby = values.pop("replicas", 1), values.pop("standby", False)
    if type(standby) is not bool:
        raise ConfigurationError("`standby` in [streams] must be true or false")
    _check(values, _STREAMS_KEYS, "[streams]")
    if follows:
        own = {f"system_{name}": values[name] for name in ("user", "password_file") if name in values}
        values = {**values, **own}
    missing = sorted(_STREAMS_KEYS.keys() - {"ca_file"} - values.keys())
    if missing or type(replicas) is not int or not 1 <= replicas <= 5:
        raise ConfigurationError(
            f"[streams] needs {', '.join(f'`{name}`' for name in missing) or '`replicas` from 1 to 5'}"
        )
    trusted = values.pop("ca_file", None)
    return StreamsSettings(
        url=streams_url(values["url"]),
        login=PasswordLogin(user=values["user"], password=read_secret(folder / values["password_file"])),
        system=PasswordLogin(
            user=values["system_user"], password=read_secret(folder / values["system_password_file"])
        ),
        trusted=None if trusted is None else _certificates(folder / trusted),
        replicas=replicas,
        standby=standby,
    )


def with_streams(settings: Settings, url: str | None, *, standby: bool) -> Settings:
    """Return settings with other servers of the streams, and one of two sequencers where `standby` says so.

    Raises
    ------
    ConfigurationError
        If the settings name no streams, or the URL is none.
    """
    streams = settings.streams
    if streams is None:
        raise ConfigurationError(
            "`--role` and `--streams` need [streams] in wicketgate.toml: users and passwords"
        )
    url = streams.url if url is None else streams_url(url)
    return _demand_shared(
        replace(settings, streams=replace(streams, url=url, standby=standby or streams.standby))
    )


def _demand_shared(settings: Settings) -> Settings:
    if settings.streams is not None and settings.streams.standby and settings.images is None:
        raise ConfigurationError(
            "two sequencers need [images] in wicketgate.toml: images and hotlists are shared by that store"
        )
    return settings


def _images(folder: Path, data: object) -> ImagesSettings:
    if not isinstance(data, dict):
        raise ConfigurationError("`images` must be a table")
    _check(data, _IMAGES_KEYS, "[images]")
    missing = sorted(_IMAGES_KEYS.keys() - {"endpoint"} - data.keys())
    if missing:
        raise ConfigurationError(f"[images] needs {', '.join(f'`{name}`' for name in missing)}")
    found = _STORE.fullmatch(data["url"])
    if found is None:
        raise ConfigurationError("`url` in [images] must be like `s3://bucket/prefix`")
    endpoint = data.get("endpoint")
    if endpoint is not None and not _is_safe_address(endpoint):
        raise ConfigurationError(
            "`endpoint` in [images] must be like `https://s3.example`; `http://` is for this machine alone"
        )
    return ImagesSettings(
        bucket=found[1],
        prefix=found[2].rstrip("/"),
        region=data["region"],
        access_key=read_secret(folder / data["access_key_file"]),
        secret_key=read_secret(folder / data["secret_key_file"]),
        endpoint=endpoint,
    )


def _providers(folder: Path, data: object) -> Mapping[str, str]:
    if not isinstance(data, dict) or not all(
        isinstance(file, str) and _PROVIDER.fullmatch(name) for name, file in data.items()
    ):
        raise ConfigurationError('[providers] holds `"organisation/provider" = "file"`')
    return {name: read_secret(folder / file) for name, file in data.items()}


def _is_safe_address(url: str) -> bool:
    if not url or not _ADDRESS.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or is_loopback(parts.hostname or ""))


def _certificates(path: Path) -> str:
    try:
        text = path.read_text()
        ssl.create_default_context(cadata=text)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigurationError(f"`ca_file` in [streams]: `{path}` holds no certificates in PEM") from error
    return text


def _mqtt(folder: Path, data: object) -> MqttSettings:
    if not isinstance(data, dict):
        raise ConfigurationError("`mqtt` must be a table")
    _check(data, _MQTT_KEYS, "[mqtt]")
    certificate, key = _secured(folder, data, "[mqtt]")
    secure = certificate is not None
    host = data.get("host", "0.0.0.0" if secure else "127.0.0.1")  # noqa: S104 - cameras are on other machines
    port = data.get("port", 8883 if secure else 1883)
    if not host or not 0 <= port <= 65_535:
        raise ConfigurationError("[mqtt] needs a `host`, and a `port` between 0 and 65535")
    return MqttSettings(host=host, port=port, certificate=certificate, key=key)


def _secured(folder: Path, data: dict[str, object], where: str) -> tuple[Path | None, Path | None]:
    """Take a certificate and its key out of a table; the key must be there, and nobody else may read it."""
    certificate, key = data.pop("certificate", None), data.pop("key", None)
    if (certificate is None) != (key is None):
        raise ConfigurationError(f"{where} needs both of `certificate` and `key`, or neither")
    if certificate is None:
        return None, None
    if not isinstance(certificate, str) or not isinstance(key, str):
        raise ConfigurationError(f"`certificate` and `key` in {where} are paths of files")
    read_secret(folder / key)
    return folder / certificate, folder / key


def read_secret(path: Path) -> str:
    """Return the secret in a file for its owner alone.

    Raises
    ------
    ConfigurationError
        If the file is missing or others may read it.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the secret `{path}` cannot be read") from error
    if mode & 0o077:
        raise ConfigurationError(f"the secret `{path}` may be read by others: set its mode to 0600")
    return text


def _check(data: dict[str, object], known: Mapping[str, type], where: str) -> None:
    for name, value in data.items():
        if name not in known:
            raise ConfigurationError(f"`{name}` in {where} is not a setting")
        if type(value) is not known[name]:
            raise ConfigurationError(f"`{name}` in {where} must be of type `{known[name].__name__}`")
