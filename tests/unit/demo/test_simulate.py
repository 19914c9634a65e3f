from __future__ import annotations

import argparse
import os
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import ConfigurationError, WicketgateError
from wicketgate.base.settings import load_settings
from wicketgate.base.settings_template import TEMPLATE
from wicketgate.base.signing import canonical, parse_json
from wicketgate.cli.commands import find_command
from wicketgate.cli.parser import command_parser
from wicketgate.regime.admission.limits import requirements
from wicketgate.regime.charter import parse_charter
from wicketgate.regime.documents.authority import parse_authority
from wicketgate.regime.documents.document import parse_toml
from wicketgate.regime.documents.people import PEOPLE_ROLES
from wicketgate.regime.documents.toml import dump_toml
from wicketgate_demo import commands, running
from wicketgate_demo.cameras.devices import FORMATS
from wicketgate_demo.cameras.load import CONNECTIONS
from wicketgate_demo.run.children import Child, run_child
from wicketgate_demo.run.demo import CAMERAS
from wicketgate_demo.run.folder import Folder, write_whole
from wicketgate_demo.run.serving import mqtt_port
from wicketgate_demo.run.witnesses import lay_witnesses
from wicketgate_demo.run.words import guide, progress_line, summary
from wicketgate_demo.world import london, places
from wicketgate_demo.world.people import PEOPLE

START_US = parse_rfc3339("2026-07-08T12:00:00Z")


# --- documents and directory ------------------------------------------------------------------------------


def documents() -> list[dict[str, Any]]:
    offices = london.appoint()
    return [
        london.charter_document(offices, START_US),
        *(paper.draft(START_US) for paper in london.PAPERS.values()),
        london.revocation("tfl-met-ct", "r-1", 'For "a" reason, \\ and é\n\x7f', START_US),
        {"x": {"a b": [], "numbers": [1, 2.5, True], "long": ["x" * 60, "y" * 60], "t": {"z": "2026-01-01"}}},
    ]


@pytest.mark.parametrize("number", range(len(documents())))
def test_a_document_comes_back_from_its_toml(number: int) -> None:
    document = documents()[number]
    text = dump_toml(document, "a heading")
    assert text.startswith("# a heading\n")
    assert canonical(parse_toml(text.encode())) == canonical(document)


def test_a_folder_is_laid_with_secrets_that_nobody_else_reads(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "d")
    lock = folder.lock()
    folder.lay(START_US, lay_witnesses)
    assert set(folder.offices()) == {
        "tfl/commissioner",
        "tfl/data-protection",
        "home-office/secretary-of-state",
        "met/national-security",
        "met/intelligence",
        "marshbridge/chief-executive",
        "marshbridge/data-protection",
        "eastholm/chief-executive",
        "eastholm/data-protection",
        "dft/minister",
        "parliament/clerk",
        "high-court/judge",
        "ico/commissioner",
    }
    secrets = [*(folder.path / "offices").glob("*/*.pem"), *(folder.path / "overseers").glob("*/*.age")]
    assert len(secrets) == 14
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
    for name in ("charter", *london.PAPERS):
        envelope = parse_json(folder.envelope(name).read_bytes())
        assert len(envelope["signatures"]) >= 2
    assert not folder.is_made
    with pytest.raises(ConfigurationError, match="another demonstration"):
        folder.lock()
    os.close(lock)


def test_a_directory_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(ConfigurationError, match="holds no demonstration"):
        Folder(tmp_path).lock()
    with pytest.raises(ConfigurationError, match="cannot be used"):
        Folder(tmp_path / "thesis.txt" / "d").lock()


def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for data in (b"one", b"two"):
        write_whole(path, data, mode=0o600)
        assert path.read_bytes() == data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_token_file_has_a_plain_name(tmp_path: Path) -> None:
    assert Folder(tmp_path).token("recipient:met/a").name == "recipient-met-a"


@pytest.mark.parametrize("name", london.PAPERS)
def test_an_authority_is_signed_by_whom_the_charter_wants_and_nobody_else(name: str) -> None:
    paper = london.PAPERS[name]
    charter = parse_charter(london.charter_document(london.appoint(), START_US))
    authority = parse_authority(paper.draft(START_US))
    assert (authority.name, authority.mode, authority.scope.sources) == (name, paper.mode, paper.sources)
    assert {office for one in requirements(authority, charter) for office in one.offices} == set(
        paper.signers
    )
    assert paper.reader == f"recipient:{authority.recipient}/{authority.unit}"
    kinds = () if authority.listing is None else authority.listing.kinds
    assert kinds == paper.kinds


def test_a_match_at_a_council_is_signed_by_the_council() -> None:
    signers = [london.SIGNERS[f"{council}-met-voi"] for council in london.COUNCILS]
    for council, offices in zip(london.COUNCILS, signers, strict=True):
        assert {f"{council}/chief-executive", f"{council}/data-protection"} < set(offices)


def test_cameras_stand_on_the_boundary_inside_and_beside() -> None:
    cameras = london.cameras(300)
    assert cameras == london.cameras(300)
    assert cameras[:60] == london.cameras(60)
    assert [camera["groups"] for camera in cameras[:3]] == [["ccz-boundary"], ["ccz-boundary"], ["ccz"]]
    for camera in cameras:
        at = (camera["latitude"], camera["longitude"])
        assert 0 <= camera["heading"] < 360
        if camera["groups"] == ["ccz"]:
            assert places.inside(at)
    for council in london.COUNCILS:
        own = london.council_cameras(council, london.COUNCIL_CAMERAS)
        assert len({camera["id"] for camera in own}) == london.COUNCIL_CAMERAS
        assert not any(places.inside((camera["latitude"], camera["longitude"])) for camera in own)
        assert {group for camera in own for group in camera["groups"]} == {"main-roads", "bus-lanes"}


# --- what people are told ---------------------------------------------------------------------------------


def test_the_guide_says_on_one_screen_where_to_look_what_to_type_and_how_to_be_whom(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "a b")
    codes = {one.short: f"CODE-{number}" for number, one in enumerate(PEOPLE)}
    text = "\n".join(guide(folder, "http://127.0.0.1:1", 7, 200.0, codes))
    assert str(folder.token(london.DUTY_DESK)) in text
    assert len(text.splitlines()) <= 26
    assert all(f"{codes[one.short]}  {one.name}" in text for one in PEOPLE)
    assert {role for one in PEOPLE for role in one.roles} == PEOPLE_ROLES
    assert "code" not in "\n".join(guide(folder, "http://127.0.0.1:1", 7, 200.0, {}))
    for words in (
        "http://127.0.0.1:1/why-not-less",
        "http://127.0.0.1:1/sign-in",
        "receive tfl-met-voi --from http://127.0.0.1:1",
        "verify http://127.0.0.1:1",
        "sign",
        "submit",
    ):
        assert words in text
    assert f"'{folder.document('revocation')}'" in text


def test_the_progress_line_shows_the_counters() -> None:
    metrics = (
        "# HELP x y\n"
        'wicketgate_reads_total{became="accepted"} 1234.0\n'
        'wicketgate_reads_total{became="repeated"} 2.0\n'
        'wicketgate_released_rows_total{authority="tfl-charging"} 99.0\n'
        "wicketgate_ledger_entries 12.0\nnonsense\n"
    )
    assert progress_line(metrics) == (
        "reads 1,234 (repeated 2, quarantined 0); released to tfl-charging 99, tfl-emissions 0, tfl-met-ct 0, "
        "tfl-met-voi 0, marshbridge-traffic 0, marshbridge-met-voi 0, eastholm-traffic 0, eastholm-met-voi 0; "
        "ledger 12 entries"
    )


def test_the_summary_says_which_law_is_broken() -> None:
    report = {
        "sent": 3,
        "accepted": 3,
        "repeated": 0,
        "quarantined": 0,
        "released": {"a": 3},
        "images": {"released": {"a": 2, "b": 1}, "fetched": {"a": 2}, "looked_at": 1},
        "hits": 2,
        "hits_by_quality": {"exact": 2},
        "outcomes": {},
        "latency_ms": {"bulk_p99": None, "hit_p99": 12.5},
        "ledger": {"entries": 4, "verified": False},
        "laws": {"1": True, "2": False, "3": None},
        "faults": {"2": ["something is missing"]},
        "notes": ["a note"],
    }
    text = "\n".join(summary(report))
    assert "law 1 held" in text
    assert "law 2 BROKEN" in text
    assert "something is missing" in text
    assert "(not built yet)" in text
    assert "NOT VERIFIED" in text
    assert "hits 2 (exact 2); outcomes: none" in text
    assert "images released: a 2, b 1; fetched in bulk and checked: a 2; looked at one by one: 1" in text
    assert "hits within 12.5 ms" in text


# --- processes and commands -------------------------------------------------------------------------------


async def test_a_child_is_stopped_even_if_it_will_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('up', flush=True); time.sleep(60)"
    )
    monkeypatch.setattr("wicketgate_demo.run.children.WICKETGATE", (sys.executable, "-c", stubborn))
    child = Child("x", log=tmp_path / "log")
    assert await child.stop() is None
    await child.start()
    assert await child.first_line() == "up"
    assert child.running
    assert await child.stop(patience_s=0.2) == -9
    assert not child.running


async def test_a_child_that_does_not_start_is_named_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "wicketgate_demo.run.children.WICKETGATE", (sys.executable, "-c", "raise SystemExit('no')")
    )
    child = Child("serve", log=tmp_path / "log")
    await child.start()
    with pytest.raises(WicketgateError, match="`wicketgate serve` did not start"):
        await child.first_line()
    await child.stop()
    assert (tmp_path / "log").read_text() == "no\n"
    assert await run_child("serve", log=tmp_path / "log", out=tmp_path / "out") == 1


def parse(*words: str) -> argparse.Namespace:
    return command_parser(find_command(words[0])).parse_args(words[1:])


def test_the_commands_have_their_defaults() -> None:
    demo = parse("demo")
    assert (demo.dir, demo.port, demo.cameras, demo.rate, demo.seconds, demo.report) == (
        Path("demo"),
        None,
        None,
        200.0,
        None,
        None,
    )
    simulate = parse("simulate", "http://x", "--token-file", "t")
    assert (simulate.cameras, simulate.rate, simulate.seconds, simulate.imperfect) == (
        None,
        200.0,
        None,
        0.01,
    )


@pytest.mark.parametrize(
    "words",
    [
        ("demo", "--rate", "0"),
        ("demo", "--rate", "fast"),
        ("demo", "--cameras", "-1"),
        ("demo", "--port", "70000"),
        ("demo", "--seconds", "nan"),
        ("simulate", "http://x"),
        ("simulate", "http://x", "--token-file", "t", "--imperfect", "2"),
        ("simulate", "http://x", "--token-file", "t", "--format", "native,morse"),
        ("simulate", "http://x", "--token-file", "t", "--mqtt", "host:port"),
        ("simulate", "http://x", "--token-file", "t", "--at", "25"),
    ],
)
def test_words_that_make_no_sense_are_refused(
    words: tuple[str, ...],
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(*words)
    assert caught.value.code == "usage"
    assert "invalid" not in caught.value.detail, "what is wrong is said in words"


def test_simulate_takes_several_sources_formats_and_an_hour() -> None:
    args = parse(
        *(
            "simulate",
            "http://x",
            "--token-file",
            "a",
            "--source",
            "one",
            "--token-file",
            "b",
            "--source",
            "two",
        ),
        *("--format", "hikvision,axis", "--mqtt", "mqtt://127.0.0.1:1883", "--at", "8.5"),
    )
    assert (args.token_file, args.source) == ([Path("a"), Path("b")], ["one", "two"])
    assert (args.format, args.mqtt, args.at) == (("hikvision", "axis"), ("127.0.0.1", 1883), 8.5)
    assert parse("simulate", "http://x", "--token-file", "a").format == tuple(FORMATS)
    args = parse("simulate", "http://x", "--token-file", "a", "--source", "one", "--source", "two")
    with pytest.raises(ConfigurationError, match="as many --source"):
        running.run_simulate(args)


def test_what_the_arguments_say_of_the_simulation_is_so() -> None:
    assert tuple(FORMATS) == commands.FORMATS
    assert (commands.CONNECTIONS, commands.CAMERAS) == (CONNECTIONS, CAMERAS)


def test_a_report_needs_a_headless_run() -> None:
    args = parse("demo", "--report", "r.json")
    with pytest.raises(ConfigurationError, match="--seconds"):
        running.run_demo(args)
    args = parse("demo", "--seconds", "1", "--report", "no-such-directory/r.json")
    with pytest.raises(ConfigurationError, match="no such directory"):
        running.run_demo(args)


def test_another_port_goes_into_the_settings_where_somebody_has_taken_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.gateway.mkdir()
    path = folder.gateway / "wicketgate.toml"
    path.write_text(TEMPLATE)
    port = mqtt_port(folder)
    settings = load_settings(folder.gateway)
    assert settings.mqtt is not None
    assert (settings.mqtt.host, settings.mqtt.port) == ("127.0.0.1", port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        other = mqtt_port(folder)
    assert other != port
    settings = load_settings(folder.gateway)
    assert settings.mqtt is not None
    assert settings.mqtt.port == other
    assert mqtt_port(folder) == other
