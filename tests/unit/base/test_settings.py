from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

import pytest

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.limits import ConnectionLimits
from wicketgate.base.role_settings import load_role_settings
from wicketgate.base.settings import (
    MqttSettings,
    PasswordLogin,
    Settings,
    load_settings,
    parse_settings,
    read_secret,
)
from wicketgate.base.settings_template import TEMPLATE
from wicketgate.base.streams.pinned import Certificate

ANYWHERE = "0.0.0.0"  # noqa: S104
STREAMS = """
[streams]
url = "tls://nats.example:4222"
user = "gateway"
password_file = "nats.password"
system_user = "system"
system_password_file = "system.password"
"""


@cache
def certificates() -> str:
    return Certificate.make().certificate


def load(folder: Path, text: str) -> Settings:
    (folder / "wicketgate.toml").write_text(text)
    (folder / "nats-ca.pem").write_text(certificates())
    for name in (
        *("nats.password", "system.password", "mqtt.key", "https.key", "s3-access.key", "s3-secret.key"),
        *("met-identity.secret", "mail.password", "register.key"),
    ):
        (folder / name).write_text(f"secret of {name}\n")
        (folder / name).chmod(0o600)
    for name, secret in (
        ("met-desk.secret", f"whsec_{'c2Vj' * 8}"),
        ("met-chat.url", "ntfys://ntfy.example/desk"),
    ):
        (folder / name).write_text(secret)
        (folder / name).chmod(0o600)
    return load_settings(folder)


def test_the_template_can_be_used_as_it_is(tmp_path: Path) -> None:
    settings = load(tmp_path, TEMPLATE)
    assert (settings.host, settings.port, settings.streams) == ("127.0.0.1", 8080, None)
    assert settings.folder == tmp_path


def test_the_template_can_be_used_with_everything_in_it(tmp_path: Path) -> None:
    prose = (
        "# What the",
        "# Who answers",
        "# Processes that",
        "# The size",
        "# With both",
        "# Where the",
        "# Free space",
        "# The web",
        "# An external",
        "# Cameras and",
        "# An S3",
        "# The bounds",
        "# Two sequencers",
        "# The secrets",
        "# Alerts go",
        "# Registers of",
        "# To whom",
        "# Adapters of",
    )
    (tmp_path / "gate.toml").write_bytes(b"")
    lines = [line for line in TEMPLATE.splitlines() if not line.startswith(prose)]
    text = "\n".join(re.sub("^# ", "", line) for line in lines).replace("nats-system", "system")
    text = text.replace("age1...", f"age1{'q' * 58}")
    settings = load(tmp_path, text)
    streams, mqtt = settings.streams, settings.mqtt
    assert streams is not None
    assert settings.images is not None
    assert (streams.replicas, streams.standby, streams.trusted) == (3, True, certificates())
    assert streams.login == PasswordLogin(user="gateway", password="secret of nats.password")
    assert (settings.certificate, settings.certificate_key) == (
        tmp_path / "https.pem",
        tmp_path / "https.key",
    )
    assert mqtt == MqttSettings(
        host=ANYWHERE, port=8883, certificate=tmp_path / "mqtt.pem", key=tmp_path / "mqtt.key"
    )


@pytest.mark.parametrize(
    "text", ['certificate = "a.pem"', 'key = "a.key"', 'certificate = 1\nkey = "https.key"']
)
def test_a_certificate_and_its_key_go_together(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="certificate"):
        load(tmp_path, text)


def test_nothing_set_means_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "") == Settings(folder=tmp_path)


def test_the_quota_of_the_quarantine(tmp_path: Path) -> None:
    found = load(tmp_path, "quarantine_items = 0\nquarantine_bytes = 5")
    assert (found.quarantine_items, found.quarantine_bytes) == (0, 5)
    with pytest.raises(ConfigurationError, match="quarantine_items"):
        load(tmp_path, "quarantine_items = -1")


def test_proxies_are_named_by_their_networks(tmp_path: Path) -> None:
    named = load(tmp_path, "proxies = ['127.0.0.1', '2001:db8::/64']").proxies
    assert [str(one) for one in named] == ["127.0.0.1/32", "2001:db8::/64"]


def test_streams_elsewhere(tmp_path: Path) -> None:
    streams = load(tmp_path, STREAMS).streams
    assert streams is not None
    assert (streams.url, streams.replicas) == ("tls://nats.example:4222", 1)
    assert streams.system == PasswordLogin(user="system", password="secret of system.password")
    assert "secret" not in repr(streams), "a log that shows the settings shows no password"


@pytest.mark.parametrize(
    "url", ["nats://127.0.0.1:4222", "nats://localhost:4222", "tls://10.1.2.3:4222", "tls://a:1,tls://b:2"]
)
def test_streams_in_clear_are_for_this_machine_alone(tmp_path: Path, url: str) -> None:
    streams = load(tmp_path, STREAMS.replace("tls://nats.example:4222", url)).streams
    assert streams is not None
    assert streams.url == url


@pytest.mark.parametrize(
    "url",
    [
        "nats://nats.example:4222",
        "nats://10.1.2.3:4222",
        "nats://127.0.0.1.example:4222",
        "ws://127.0.0.1:4222",
        "nats.example:4222",
        "tls://nats.example",
        "tls://user:word@nats.example:4222",
        "tls://nats.example:port",
        "tls://nats.example:4222,nats://127.0.0.1:4222",
        "tls://nats.example:4222,nats://nats.example:4222",
    ],
)
def test_streams_that_would_send_passwords_in_clear_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="url"):
        load(tmp_path, STREAMS.replace("tls://nats.example:4222", url))


IMAGES = """
[images]
url = "s3://tfl-images/london/one/"
region = "eu-west-2"
access_key_file = "s3-access.key"
secret_key_file = "s3-secret.key"
"""


def test_images_lie_in_the_folder_unless_a_store_is_named(tmp_path: Path) -> None:
    assert load(tmp_path, "").images is None
    images = load(tmp_path, IMAGES).images
    assert images is not None
    assert (images.bucket, images.prefix, images.endpoint) == ("tfl-images", "london/one", None)
    assert (images.access_key, images.secret_key) == ("secret of s3-access.key", "secret of s3-secret.key")
    assert images.secret_key not in repr(images)


@pytest.mark.parametrize("url", ["https://s3.example", "https://s3.example:9000", "http://127.0.0.1:8333"])
def test_a_store_that_is_not_amazons(tmp_path: Path, url: str) -> None:
    images = load(tmp_path, IMAGES + f'endpoint = "{url}"').images
    assert images is not None
    assert images.endpoint == url


@pytest.mark.parametrize(
    "text",
    [
        "images = 7",
        "[images]",
        IMAGES + "more = 1",
        IMAGES + 'endpoint = ""',
        IMAGES + 'endpoint = "http://s3.example"',
        IMAGES + 'endpoint = "http://127.0.0.1.example"',
        IMAGES + 'endpoint = "https://user:pass@s3.example"',
        *(
            IMAGES.replace("s3://tfl-images/london/one/", url)
            for url in (
                "",
                "tfl-images",
                "s3://tfl-images",
                "s3://tfl-images/",
                "gs://a/b",
                "s3://A/b",
                "s3://aa/../b",
            )
        ),
    ],
)
def test_a_store_that_cannot_be_used_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="images"):
        load(tmp_path, text)


def test_the_keys_of_a_store_are_secrets(tmp_path: Path) -> None:
    load(tmp_path, IMAGES)
    (tmp_path / "s3-secret.key").chmod(0o640)
    with pytest.raises(ConfigurationError, match="0600"):
        load_settings(tmp_path)


def test_mqtt_is_off_unless_it_is_named(tmp_path: Path) -> None:
    assert load(tmp_path, TEMPLATE).mqtt is None
    assert load(tmp_path, "[mqtt]").mqtt == MqttSettings(host="127.0.0.1", port=1883)


def test_mqtt_is_open_to_others_with_a_certificate_or_a_host(tmp_path: Path) -> None:
    secure = load(tmp_path, "[mqtt]\ncertificate = 'mqtt.pem'\nkey = 'mqtt.key'").mqtt
    assert secure == MqttSettings(
        host=ANYWHERE, port=8883, certificate=tmp_path / "mqtt.pem", key=tmp_path / "mqtt.key"
    )
    named = load(tmp_path, "[mqtt]\nhost = '192.0.2.7'\nport = 0").mqtt
    assert named == MqttSettings(host="192.0.2.7", port=0)
    assert not named.is_local


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_the_loopback_is_local(host: str) -> None:
    assert MqttSettings(host=host, port=0).is_local


def test_the_key_of_mqtt_is_a_secret(tmp_path: Path) -> None:
    text = "[mqtt]\ncertificate = 'mqtt.pem'\nkey = 'mqtt.key'"
    load(tmp_path, text)
    (tmp_path / "mqtt.key").chmod(0o640)
    with pytest.raises(ConfigurationError, match="0600"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("hots = '127.0.0.1'", "hots"),
        ("allow = ['met']", "allow"),
        ("port = '8080'", "port"),
        ("port = true", "port"),
        ("port = 70000", "port"),
        ("port = -1", "port"),
        ("feed_bytes = 0", "feed_bytes"),
        ("address = 'gate.example'", "address"),
        ("address = 'https://gate.example/'", "address"),
        ("proxies = '127.0.0.1'", "proxies"),
        ("proxies = [1]", "proxies"),
        ("proxies = ['localhost']", "proxies"),
        ("proxies = ['10.0.0.1/8']", "proxies"),
        ("feed_bytes = 1.5", "feed_bytes"),
        ("host = 1", "host"),
        ("port =", "wicketgate.toml"),
        ("disk_stop_bytes = -1", "disk_stop_bytes"),
        ("disk_alarm_bytes = '1 GB'", "disk_alarm_bytes"),
        ("streams = 1", "streams"),
        ("[streams]\nurl = 'nats://x'", "password_file"),
        (STREAMS + "replicas = '3'", "replicas"),
        (STREAMS + "replicas = true", "replicas"),
        (STREAMS + "replicas = 0", "replicas"),
        (STREAMS + "token = 'x'", "token"),
        (STREAMS.replace("nats.password", "missing"), "missing"),
        (STREAMS + "ca_file = 'nats.password'", "ca_file"),
        (STREAMS + "ca_file = 'nowhere.pem'", "ca_file"),
        ("mqtt = 1", "mqtt"),
        ("[mqtt]\nport = '1883'", "port"),
        ("[mqtt]\nport = true", "port"),
        ("[mqtt]\nport = 65536", "port"),
        ("[mqtt]\nhost = ''", "host"),
        ("[mqtt]\nanonymous = true", "anonymous"),
        ("[mqtt]\ncertificate = 'mqtt.pem'", "key"),
        ("[mqtt]\nkey = 'mqtt.key'", "certificate"),
        ("[mqtt]\ncertificate = 'mqtt.pem'\nkey = 'missing'", "missing"),
    ],
)
def test_what_is_no_setting_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        load(tmp_path, text)


def test_a_folder_that_is_no_deployment(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="wicketgate init"):
        load_settings(tmp_path)


def test_settings_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "wicketgate.toml").mkdir()
    with pytest.raises(ConfigurationError):
        load_settings(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError):
        load_settings(tmp_path / "file")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "wicketgate.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="TOML"):
        load_settings(tmp_path / "bad")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_secret_that_others_may_read_is_none(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    path.write_text("s3cret\n")
    path.chmod(0o600)
    assert read_secret(path) == "s3cret"
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="0600") as caught:
        read_secret(path)
    assert "s3cret" not in str(caught.value)


def test_a_secret_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        read_secret(tmp_path / "secret")


def test_bounds_that_are_set_and_the_others(tmp_path: Path) -> None:
    limits = load(tmp_path, "[limits]\nconnections = 500\nhead_s = 3\nwrite_s = 1.5\n").limits
    assert limits == ConnectionLimits(connections=500, head_s=3, write_s=1.5)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("limits = 3", "`limits` must be a table"),
        ("[limits]\nconection = 1", "`conection` in [limits] is not a setting"),
        ("[limits]\nconnections = 0", "`connections` in [limits] must be positive"),
        ("[limits]\nconnections = 1.5", "`connections` in [limits] must be of type `int`"),
        ("[limits]\nconnections = true", "`connections` in [limits] must be of type `int`"),
        ('[limits]\nhead_s = "3"', "`head_s` in [limits] must be of type `float`"),
        ("[limits]\nhead_s = nan", "`head_s` in [limits] must be positive"),
    ],
)
def test_bounds_that_are_none(tmp_path: Path, text: str, detail: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    assert caught.value.detail == detail


@pytest.mark.parametrize(
    ("cores", "readers"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2), (16, 2), (64, 2)]
)
def test_the_cores_suggest_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, readers: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    assert parse_settings(b"", tmp_path).reader_processes == readers
    assert parse_settings(b"readers = 7", tmp_path).reader_processes == 7
    with pytest.raises(ConfigurationError, match="`readers`"):
        parse_settings(b"readers = 65", tmp_path)


def test_a_role_elsewhere_has_streams_and_no_system_user(tmp_path: Path) -> None:
    (tmp_path / "nats.password").write_text("p\n")
    (tmp_path / "nats.password").chmod(0o600)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_role_settings(tmp_path, None)
    for text, why in (("port = [", "TOML"), ("port = 1\n", r"\[streams\]"), ("[streams]\n", "`url`")):
        (tmp_path / "wicketgate.toml").write_text(text)
        with pytest.raises(ConfigurationError, match=why):
            load_role_settings(tmp_path, None)
    (tmp_path / "wicketgate.toml").write_text(
        '[streams]\nurl = "nats://127.0.0.1:1"\nuser = "u"\npassword_file = "nats.password"\n'
    )
    found = load_role_settings(tmp_path, "nats://127.0.0.1:2").streams
    assert found is not None
    assert found.url == "nats://127.0.0.1:2"
    assert found.login == found.system == PasswordLogin(user="u", password="p")
    with pytest.raises(ConfigurationError, match="in clear"):
        load_role_settings(tmp_path, "nats://elsewhere:2")


REGISTER = (
    '[registers.dvla]\nurl = "https://register.example/"\nkey_file = "register.key"\nenquirer = "tfl"\n'
)


def test_a_register_of_keepers(tmp_path: Path) -> None:
    found = load(tmp_path, REGISTER + 'zone = "Europe/London"\nper_minute = 5\nseconds = 2\n')
    register = found.registers["dvla"]
    assert (register.url, register.enquirer, register.adapter) == ("https://register.example", "tfl", "dvla")
    assert (register.zone, register.per_minute, register.seconds) == ("Europe/London", 5, 2)
    assert register.key == "secret of register.key"
    assert "secret" not in repr(found), "a log that shows the settings shows no key"


@pytest.mark.parametrize(
    "text",
    [
        REGISTER.replace("https", "http"),
        REGISTER.replace("https://register.example/", "https://a:b@register.example"),
        REGISTER.replace("https://register.example/", "https://register.example?key=1"),
        REGISTER.replace("dvla]", '"No Name"]'),
        REGISTER.replace('enquirer = "tfl"', ""),
        REGISTER.replace('"tfl"', "1"),
        REGISTER + 'zone = "Nowhere/Here"\n',
        REGISTER + "per_minute = 0\n",
        REGISTER + "seconds = true\n",
        REGISTER + 'adapter = "../adapters"\n',
        REGISTER + "retries = 3\n",
        'registers = "dvla"\n',
        "[registers]\ndvla = 1\n",
    ],
)
def test_a_register_that_cannot_be_asked_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError):
        load(tmp_path, text)


def test_a_registers_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    load(tmp_path, REGISTER)
    (tmp_path / "register.key").chmod(0o644)
    with pytest.raises(ConfigurationError, match="0600"):
        load_settings(tmp_path)


FORM = b'format = "json"\nplate = "$.plate"\n[time]\npaths = "$.at"\n'
FORM_SHA256 = hashlib.sha256(FORM).hexdigest()


def test_adapters_are_files_of_their_hashes(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_bytes(FORM)
    said = f'[adapters.gate]\nfile = "gate.toml"\nsha256 = "{FORM_SHA256}"\n'
    assert load(tmp_path, said).adapters == {"gate": FORM.decode()}
    (tmp_path / "gate.toml").write_bytes(FORM + b"#")
    with pytest.raises(ConfigurationError, match="SHA-256"):
        load(tmp_path, said)


@pytest.mark.parametrize(
    "text",
    [
        'adapters = "gate.toml"',
        '[adapters.gate]\nfile = "gate.toml"',
        f'[adapters.Gate]\nfile = "gate.toml"\nsha256 = "{FORM_SHA256}"',
        f'[adapters.gate]\nfile = "nowhere.toml"\nsha256 = "{FORM_SHA256}"',
        f'[adapters.gate]\nfile = 7\nsha256 = "{FORM_SHA256}"',
        f'[adapters.gate]\nfile = "gate.toml"\nsha256 = "{FORM_SHA256}"\nmore = 1',
    ],
)
def test_what_is_no_adapter_of_a_deployment(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="adapters"):
        load(tmp_path, text)
