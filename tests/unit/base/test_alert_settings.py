"""The settings of alerts."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import write_secret
from wicketgate.base.settings import Settings, parse_settings

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
HOOK = 'for = ["recipient:met/duty-desk"]\nwebhook = "https://hooks.example/x?token=abc"\nsecret_file = "a.secret"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_secret(tmp_path / "a.secret", SECRET)
    write_secret(tmp_path / "short.secret", "whsec_c2hvcnQ=")
    write_secret(tmp_path / "chat.url", "ntfys://ntfy.example/topic")
    write_secret(tmp_path / "syslog.url", "syslog://localhost")
    write_secret(tmp_path / "mail.password", "secret")
    (tmp_path / "open.secret").write_text(SECRET)
    (tmp_path / "open.secret").chmod(0o644)
    return tmp_path


def parsed(folder: Path, text: str, *, address: str = "https://gate.example") -> Settings:
    return parse_settings(f'address = "{address}"\n{text}'.encode(), folder)


def test_targets_are_read_and_show_no_credential(folder: Path) -> None:
    settings = parsed(
        folder,
        f'[alerts]\nprivate = ["10.0.0.0/8"]\n[alerts.mail]\nhost = "mail.example"\nfrom = "a@gate.example"\n'
        f'user = "u"\npassword_file = "mail.password"\n'
        f'[alerts.targets.hook]\n{HOOK}[alerts.targets.box]\nfor = ["source:tfl"]\nmail = ["a@b.example"]\n'
        '[alerts.targets.chat]\nfor = ["office:met/oversight"]\napprise_file = "chat.url"\n',
    ).alerts
    assert settings.open_to("recipient:met/duty-desk").keys() == {"hook"}
    assert settings.open_to("recipient:met/other") == {}
    assert {name: one.shown for name, one in settings.targets.items()} == {
        "hook": "hooks.example",
        "box": "a@b.example",
        "chat": "ntfys (apprise)",
    }
    for secret in (SECRET, "token=abc", "ntfy.example/topic", "'secret'"):
        assert secret not in repr(settings)
    assert settings.mail is not None
    assert (settings.mail.port, settings.mail.tls) == (587, "starttls")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[alerts]\nnothing = 1", "is not a setting"),
        ("alerts = 1", "must be a table"),
        ("[alerts]\nsilent_minutes = 0", "silent_minutes"),
        ('[alerts]\nprivate = ["10.0.0.1/8"]', "private"),
        (f"[alerts.targets.Hook]\n{HOOK}", "small letters"),
        (f"[alerts.targets.hook]\n{HOOK}more = 1", "alone"),
        (f'[alerts.targets.hook]\n{HOOK}mail = ["a@b.example"]', "one of"),
        (
            '[alerts.targets.hook]\nfor = ["everybody"]\nwebhook = "https://a"\nsecret_file = "a.secret"',
            "places",
        ),
        (f"[alerts.targets.hook]\n{HOOK.replace('https://hooks', 'https://user:pw@hooks')}", "no user"),
        (f"[alerts.targets.hook]\n{HOOK.replace('https', 'ftp')}", "https"),
        (f"[alerts.targets.hook]\n{HOOK.replace('a.secret', 'open.secret')}", "0600"),
        (f"[alerts.targets.hook]\n{HOOK.replace('a.secret', 'short.secret')}", "whsec_"),
        ('[alerts.targets.box]\nfor = ["source:tfl"]\nmail = ["a@b.example"]', r"needs \[alerts.mail\]"),
        ('[alerts.targets.box]\nfor = ["source:tfl"]\nmail = ["a@b\\nBcc: x@y"]', "addresses"),
        ('[alerts.targets.chat]\nfor = ["source:tfl"]\napprise_file = "syslog.url"', "one URL of"),
        ('[alerts.mail]\nhost = "mail.example"\nfrom = "a@b.example"\ntls = "none"', "without TLS"),
        ('[alerts.mail]\nhost = "mail.example"\nfrom = "a@b.example"\nuser = "u"', "password_file"),
    ],
)
def test_settings_that_will_not_do_are_refused_in_words(folder: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        parsed(folder, text)


def test_targets_need_an_address_for_the_link(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="needs `address`"):
        parsed(folder, f"[alerts.targets.hook]\n{HOOK}", address="")
