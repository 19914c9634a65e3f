from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.registers import Chancery
from tests.terminals import type_into
from tests.vectors import make_documents as world
from wicketgate.base.clock import DAY_US, SystemClock, rfc3339
from wicketgate.base.signing import format_public, key_id
from wicketgate.cli import main
from wicketgate.regime.documents.document import kind_of, open_document, parse_payload, parse_toml

FOR_IT = ("--log", world.LOG)


@pytest.fixture
def chancery(monkeypatch: pytest.MonkeyPatch) -> Chancery:
    made = Chancery()
    monkeypatch.setattr(SystemClock, "now_us", lambda self: made.at_us)
    made.submit(world.example("authority"), world.CT_OFFICES)
    return made


def saved(chancery: Chancery, folder: Path) -> Path:
    path = folder / "register.json"
    path.write_text(json.dumps(chancery.register()))
    return path


def run(*words: str | Path) -> int:
    return main([str(word) for word in words])


def drafted(path: Path) -> Any:
    document = parse_toml(path.read_bytes())
    return parse_payload(kind_of(document), document)


def test_what_stops_and_starts_an_authority_goes_from_draft_to_effect(
    chancery: Chancery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.toml"
    assert run("suspend", "tfl-met-ct", "--reason", "It was passed on.", "--out", out, *FOR_IT) == 0
    assert f"Next: wicketgate check {out}" in capsys.readouterr().out
    assert drafted(out).reason == "It was passed on."
    chancery.submit(parse_toml(out.read_bytes()), ("ico/deputy",))
    assert chancery.register()["authorities"][0]["status"] == "suspended"

    (tmp_path / "why").write_text("It was deleted.\n\nThe access was put right.\n")
    words = ("--against", saved(chancery, tmp_path), "--reason-file", tmp_path / "why")
    assert run("resume", "tfl-met-ct", "--out", tmp_path / "r.toml", *words) == 0
    act = drafted(tmp_path / "r.toml")
    assert (act.suspension, act.reason) == (drafted(out).id, "It was deleted.\n\nThe access was put right.")
    chancery.submit(
        parse_toml((tmp_path / "r.toml").read_bytes()), ("tfl/data-protection", "ico/commissioner")
    )

    assert run("revoke", "tfl-met-ct", "--reason", "Over.", "--out", tmp_path / "e.toml", *FOR_IT) == 0
    chancery.submit(parse_toml((tmp_path / "e.toml").read_bytes()), ("tfl/commissioner",))
    assert chancery.register()["authorities"][0]["status"] == "revoked"


def test_which_suspension_is_lifted_is_never_guessed(
    chancery: Chancery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("resume", "tfl-met-ct", "--reason", "…", "--out", tmp_path / "r.toml")
    assert run(*words) == 2
    assert "--suspension" in capsys.readouterr().err
    assert run(*words, "--against", saved(chancery, tmp_path)) == 1
    assert capsys.readouterr().err.endswith("[unknown-suspension]\n")
    for id_ in ("s-1", "s-2"):
        chancery.submit(
            world.changed(world.example("suspension"), world.put("suspension.id", id_)), ("ico/deputy",)
        )
    assert run(*words, "--against", saved(chancery, tmp_path)) == 2
    assert "`s-1`, `s-2`" in capsys.readouterr().err
    assert run(*words, *FOR_IT, "--suspension", "s-2") == 0
    assert drafted(tmp_path / "r.toml").suspension == "s-2"


def test_two_drafts_have_two_ids_and_none_is_overwritten(
    chancery: Chancery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        assert run("suspend", "x", "--reason", "…", "--out", tmp_path / f"{name}.toml", *FOR_IT) == 0
    assert drafted(tmp_path / "a.toml").id != drafted(tmp_path / "b.toml").id
    before = (tmp_path / "a.toml").read_bytes()
    assert run("revoke", "x", "--reason", "…", "--out", tmp_path / "a.toml", *FOR_IT) == 2
    assert (tmp_path / "a.toml").read_bytes() == before
    assert "exists already" in capsys.readouterr().err


def test_a_name_that_the_register_does_not_have_is_said_so(
    chancery: Chancery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    register = saved(chancery, tmp_path)
    for command in ("suspend", "revoke", "resume", "review"):
        words = ("--findings" if command == "review" else "--reason", "…")
        assert run(command, "no-such", *words, "--against", register, "--out", tmp_path / "o.toml") == 1
        assert capsys.readouterr().err.endswith("[unknown-authority]\n")
    assert not (tmp_path / "o.toml").exists()


def test_a_draft_is_for_one_log(
    chancery: Chancery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("suspend", "tfl-met-ct", "--reason", "…", "--out", tmp_path / "s.toml")
    assert run(*words) == 2
    assert "say which, with --log ORIGIN, or with --against" in capsys.readouterr().err
    shown = ("--against", saved(chancery, tmp_path))
    assert run(*words, *shown, "--log", "tfl.example/rehearsal") == 2
    assert "what --against shows is of the log `tfl.example/wicketgate`" in capsys.readouterr().err
    assert not (tmp_path / "s.toml").exists()
    assert run(*words, *shown) == 0
    assert parse_toml((tmp_path / "s.toml").read_bytes())["suspension"]["log"] == world.LOG
    capsys.readouterr()
    elsewhere = tmp_path / "elsewhere.toml"
    assert (
        run("revoke", "tfl-met-ct", "--reason", "…", "--out", elsewhere, "--log", "tfl.example/rehearsal")
        == 0
    )
    assert run("check", elsewhere, *shown) == 1
    told = capsys.readouterr().out
    assert "It is for the log tfl.example/rehearsal, and for no other." in told
    assert "Refused as other-log" in told
    assert run("check", tmp_path / "s.toml", *shown) == 0


# --- review -----------------------------------------------------------------------------------------------


REASONS = ("--findings", "As named.", "--why-not-match", "Not known before.", "--why-not-search", "Too slow.")


def test_a_review_shows_the_figures_before_it_is_drafted_and_is_taken(
    chancery: Chancery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start_us = chancery.at_us
    chancery.at_us += 60 * DAY_US
    body = {
        "from": rfc3339(start_us),
        "until": rfc3339(chancery.at_us),
        "decided": 5000,
        "released": {"tfl-met-ct": 1250},
        "again": {},
        "refused": [],
        "hits": {},
        "outcomes": {},
    }
    chancery.publish(body, start_us, chancery.at_us)
    out = tmp_path / "r.toml"
    assert run("review", "tfl-met-ct", "--against", saved(chancery, tmp_path), "--out", out, *REASONS) == 0
    told = capsys.readouterr().out
    assert "Reads that left under it: 1,250. That is 25 % of the reads: the cost in intrusion." in told
    assert "Why not search, as it was signed: Answers are needed" in told
    assert "The review must be recorded by 2026-10-08T12:00:00Z, or it lapses." in told
    assert "After this one the next is due by 2026-12-06T12:00:00Z." in told
    act = drafted(out)
    assert (act.version, act.reviewed_us, act.findings) == (1, chancery.at_us, "As named.")
    assert (act.why_not_match, act.why_not_search) == ("Not known before.", "Too slow.")
    chancery.submit(parse_toml(out.read_bytes()), ("home-office/secretary-of-state",))
    assert chancery.register()["authorities"][0]["review_due"] == "2026-12-06T12:00:00Z"


def test_a_review_of_match_needs_no_reason_why_not_match(chancery: Chancery, tmp_path: Path) -> None:
    chancery.submit(world.example("authority-match"), world.MATCH_OFFICES)
    words = ("--against", saved(chancery, tmp_path), "--findings", "…", "--out", tmp_path / "r.toml")
    assert run("review", "tfl-met-wanted", *words) == 0
    assert drafted(tmp_path / "r.toml").why_not_match is None


def test_what_is_missing_is_asked_at_a_terminal_and_named_in_a_script(
    chancery: Chancery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("review", "tfl-met-ct", "--against", saved(chancery, tmp_path), "--out", tmp_path / "r.toml")
    assert run(*words, *REASONS[:2]) == 2
    assert "give --why-not-match or --why-not-match-file" in capsys.readouterr().err
    asked = [
        ("Findings (one line): ", "As named."),
        ("match (one line): ", "No."),
        ("search (one line): ", "No."),
    ]
    code, _ = type_into(*words, answers=asked)
    assert code == 0
    assert drafted(tmp_path / "r.toml").findings == "As named."


# --- signing at once --------------------------------------------------------------------------------------


def test_a_draft_can_be_signed_in_one_go(
    chancery: Chancery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "k.pem"
    world.key_of("ico/deputy").save(key)
    words = ("suspend", "tfl-met-ct", "--reason", "…", "--out", tmp_path / "s.toml", "--sign", "--key", key)
    assert run(*words, "--against", saved(chancery, tmp_path)) == 0
    told = capsys.readouterr().out
    assert "is in-force now." in told
    assert f"Signed suspension with {format_public(world.key_of('ico/deputy').public)}" in told
    signed = open_document((tmp_path / "s.dsse.json").read_bytes())
    assert [one.key_id for one in signed.envelope.signatures] == [key_id(world.key_of("ico/deputy").public)]
    chancery.submit((tmp_path / "s.dsse.json").read_bytes())
    (tmp_path / "s.toml").unlink()
    assert run(*words) == 2
    assert "nothing was drafted" in capsys.readouterr().err


def test_at_a_terminal_signing_in_one_go_asks_first(chancery: Chancery, tmp_path: Path) -> None:
    key = tmp_path / "k.pem"
    world.key_of("ico/deputy").save(key)
    words = ("suspend", "a", "--reason", "…", "--out", tmp_path / "s.toml", "--sign", "--key", key, *FOR_IT)
    code, shown = type_into(*words, answers=[("Sign? [y/N]", "n")])
    assert code == 1
    assert "stops `a`" in shown
    assert not (tmp_path / "s.dsse.json").exists()


@pytest.mark.parametrize("words", [("--sign",), ("--key", "k")], ids=" ".join)
def test_sign_and_key_belong_together(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("suspend", "a", "--reason", "…", "--out", tmp_path / "s.toml", *words) == 2
    assert "--sign and --key belong together" in capsys.readouterr().err


# --- consultations ----------------------------------------------------------------------------------------


def test_a_consultation_goes_from_draft_to_decision(
    chancery: Chancery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposal = tmp_path / "proposal.toml"
    proposal.write_bytes(
        (world.EXAMPLES / "authority.toml").read_bytes().replace(b'"time", "place"', b'"overview-image"')
    )
    (tmp_path / "assessment").write_text("Images show people.\n")
    words = ("--title", "Images", "--closes", "P42D", "--assessment-file", tmp_path / "assessment")
    assert run("consult", proposal, "--out", tmp_path / "c.toml", *words) == 0
    consultation = drafted(tmp_path / "c.toml")
    assert consultation.opens_us == chancery.at_us + 7 * DAY_US
    assert consultation.closes_us == consultation.opens_us + 42 * DAY_US
    assert consultation.draft.scope.fields == ("plate", "overview-image")
    chancery.at_us += DAY_US
    chancery.submit(parse_toml((tmp_path / "c.toml").read_bytes()), ("tfl/data-protection",))

    chancery.at_us += 10 * DAY_US
    words = ("--organisation", "dft", "--reason", "People were told otherwise.")
    assert run("object", consultation.id, "--out", tmp_path / "o.toml", *words, *FOR_IT) == 0
    objection = drafted(tmp_path / "o.toml")
    assert (objection.consultation, objection.authority, objection.annul) == (consultation.id, None, False)
    chancery.submit(parse_toml((tmp_path / "o.toml").read_bytes()), ("dft/minister",))

    chancery.at_us += 50 * DAY_US
    words = ("--against", saved(chancery, tmp_path), "--approve-until", "P1Y", "--reasons", "Read.")
    assert run("decide", consultation.id, "--out", tmp_path / "d.toml", *words) == 2
    said = capsys.readouterr()
    assert "of `dft`: People were told otherwise." in said.out
    assert f"--answers has no answer to the objection `{objection.id}`" in said.err
    (tmp_path / "answers.toml").write_text(f'{objection.id} = "Signs will say so."\n')
    words = (*words, "--answers", tmp_path / "answers.toml", "--covered", proposal)
    assert run("decide", consultation.id, "--out", tmp_path / "d.toml", *words) == 0
    decision = drafted(tmp_path / "d.toml")
    assert (decision.outcome, decision.answers) == ("approved", {objection.id: "Signs will say so."})
    assert decision.covered is not None
    chancery.submit(parse_toml((tmp_path / "d.toml").read_bytes()), ("tfl/data-protection", "dft/minister"))
    assert chancery.register()["consultations"][0]["status"] == "approved"


def test_a_rejection_covers_nothing(chancery: Chancery, tmp_path: Path) -> None:
    chancery.submit(world.example("consultation"), ("tfl/data-protection",))
    words = ("--against", saved(chancery, tmp_path), "--reject", "--reasons", "Not shown to be needed.")
    assert run("decide", "c-2026-002", "--out", tmp_path / "d.toml", *words) == 0
    assert drafted(tmp_path / "d.toml").covered_until_us is None


def test_an_objection_that_annuls_is_to_an_authority(tmp_path: Path) -> None:
    words = ("--authority", "--annul", "--organisation", "parliament", "--reason", "Resolved.")
    assert run("object", "tfl-met-ct", "--out", tmp_path / "o.toml", *words, *FOR_IT) == 0
    assert drafted(tmp_path / "o.toml").annul


def test_what_cannot_be_consulted_on_is_said_so(
    chancery: Chancery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--title", "…", "--closes", "P42D", "--assessment", "…", "--out", tmp_path / "c.toml")
    assert run("consult", world.EXAMPLES / "review.toml", *words) == 2
    assert "a review is not consulted on" in capsys.readouterr().err
    words = (
        "--against",
        saved(chancery, tmp_path),
        "--reject",
        "--reasons",
        "…",
        "--out",
        tmp_path / "d.toml",
    )
    assert run("decide", "c-1", *words) == 1
    assert capsys.readouterr().err.endswith("[unknown-consultation]\n")


@pytest.mark.parametrize("time", ["P42", "2026-08-01", "2026-08-01T00:00:00", "soon"])
def test_times_are_whole_times_or_periods(
    time: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--title", "…", "--closes", time, "--assessment", "…", "--out", tmp_path / "c.toml")
    assert run("consult", world.EXAMPLES / "authority.toml", *words) == 2
    error = capsys.readouterr().err
    assert error.startswith("wicketgate: --")
    assert error.endswith(("[malformed]\n", "[zone-missing]\n"))
