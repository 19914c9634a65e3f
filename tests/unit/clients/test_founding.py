"""What `new` writes: charters without traps, drafts that would be taken, keys for whoever has none."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from wicketgate.base.clock import DAY_US, parse_rfc3339
from wicketgate.base.errors import ConfigurationError, DocumentRefused, InputError
from wicketgate.base.signing import PrivateKey, format_public
from wicketgate.clients.founding.answers import FoundingAnswers, offices_of, parse_answers
from wicketgate.clients.founding.folder import make_folder
from wicketgate.clients.founding.papers import FoundingPaper, papers_of
from wicketgate.clients.founding.templates import OfficeKeys
from wicketgate.ledger.sealing import Opener, new_identity, seal
from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.document import open_either
from wicketgate.regime.documents.toml import dump_toml

AT_US = parse_rfc3339("2026-12-01T09:00:00Z")
COUNCIL = {
    "template": "council",
    "origin": "gate.millbrook.example",
    "figures": "day",
    "cameras": 4,
    "sources": [{"id": "millbrook", "name": "Millbrook Town Council"}],
    "police": {"id": "westshire", "name": "Westshire Police", "unit": "roads", "unit_name": "Roads policing"},
    "overseer": {"id": "scrutiny", "name": "Millbrook Scrutiny Panel"},
}
SEVERAL = [*COUNCIL["sources"], {"id": "eastholm", "name": "Eastholm Borough Council"}]  # type: ignore[misc]
GIVEN: dict[str, dict[str, Any]] = {
    "council": COUNCIL,
    "a council that keeps, run by others": {
        **COUNCIL,
        "retention": "P7D",
        "figures": "month",
        "operator": {"id": "gatehouse", "name": "Gatehouse Operations"},
    },
    "city": {**COUNCIL, "template": "city", "sources": SEVERAL, "retention": "P14D", "figures": "hour"},
    "a city that keeps nothing": {**COUNCIL, "template": "city"},
    "police region": {**COUNCIL, "template": "police-region", "sources": SEVERAL},
}


def given(name: str = "council", **changes: Any) -> bytes:
    """Return a file of answers in which each office has a holder."""
    said = {**GIVEN[name], "offices": [], **changes}
    if not said["offices"]:
        some = FoundingAnswers(**{**_converted(said), "offices": ()})
        said["offices"] = [
            {"id": office, "holder": f"Person {number}"}
            for number, (office, _) in enumerate(offices_of(some))
        ]
    return dump_toml(said).encode()


def _converted(said: dict[str, Any]) -> dict[str, Any]:
    import msgspec

    answers = msgspec.convert({**said, "offices": []}, FoundingAnswers)
    return {name: getattr(answers, name) for name in answers.__struct_fields__}


def keys_of(answers: FoundingAnswers) -> dict[str, OfficeKeys]:
    return {
        office: OfficeKeys(public=format_public(PrivateKey.generate().public), opening=new_identity()[1])
        for office, _ in offices_of(answers)
    }


def papers(name: str, **changes: Any) -> tuple[FoundingAnswers, tuple[FoundingPaper, ...]]:
    answers = parse_answers(given(name, **changes))
    return answers, papers_of(answers, keys_of(answers), AT_US)


# --- the papers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GIVEN)
def test_each_template_is_sound_and_traps_nobody(name: str) -> None:
    # `papers_of` refuses what the gateway would, and every trap that `check` warns of.
    answers, (charter, *drafts) = papers(name)
    value = open_either(charter.toml.encode()).value
    assert isinstance(value, Charter)
    assert not value.demonstration
    assert len(value.overseers()) == 2
    assert charter.signers == tuple(next(rule.offices for rule in value.rules if rule.kind == "charter"))
    for source in answers.sources:
        assert any(paper.name.startswith(source.id) for paper in drafts)
    for paper in drafts:
        authority = open_either(paper.toml.encode()).value
        assert isinstance(authority, Authority)
        assert authority.scope.max_cameras == 4
        assert authority.valid_until_us - authority.valid_from_us == 365 * DAY_US
        assert f"{authority.controller}/" in " ".join(paper.signers)
        assert any(line.startswith("Must sign, all of: ") for line in paper.words)


def test_what_police_get_is_matched_and_never_in_bulk() -> None:
    for name in GIVEN:
        for paper in papers(name)[1][1:]:
            authority = open_either(paper.toml.encode()).value
            assert isinstance(authority, Authority)
            if authority.recipient == "westshire":
                assert authority.mode in ("match", "search")


def test_only_a_city_that_keeps_reads_has_questions() -> None:
    modes = {
        name: {open_either(paper.toml.encode()).value.mode for paper in papers(name)[1][1:]}  # type: ignore[union-attr]
        for name in GIVEN
    }
    assert [name for name, found in modes.items() if "search" in found] == ["city"]


@pytest.mark.parametrize(("figures", "every"), [("hour", "PT1H"), ("day", "P1D"), ("month", "P1M")])
def test_the_period_of_figures_is_what_was_answered(figures: str, every: str) -> None:
    charter = open_either(papers("council", figures=figures)[1][0].toml.encode()).value
    assert isinstance(charter, Charter)
    assert str(charter.limits.figures_every) == every


def test_one_person_in_two_offices_that_sign_the_charter_is_refused() -> None:
    offices = [
        {"id": office, "holder": "Ada Ashworth"} for office, _ in offices_of(parse_answers(given("council")))
    ]
    with pytest.raises(DocumentRefused, match="have one holder"):
        papers("council", offices=offices)


# --- answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"figures": "week"}, "figures"),
        ({"figures": 7}, "figures"),
        ({"cameras": 0}, "cameras"),
        ({"origin": "https://gate.example"}, "origin"),
        ({"colour": "blue"}, "colour"),
        ({"retention": "seven days"}, "ISO 8601"),
        ({"sources": SEVERAL}, "a council is one source"),
        ({"overseer": {"id": "millbrook", "name": "The council itself"}}, "the id of two organisations"),
        ({"offices": [{"id": "millbrook/mayor", "holder": "Ada"}]}, "must say once who holds"),
        ({"police": {**COUNCIL["police"], "kinds": []}}, "kinds"),  # type: ignore[dict-item]
    ],
)
def test_answers_that_cannot_be_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_answers(dump_toml({**COUNCIL, "offices": [{"id": "a/b", "holder": "A"}], **changes}).encode())


def test_an_office_that_the_template_has_not_is_refused() -> None:
    offices = [
        {"id": office, "holder": f"Person {number}"}
        for number, (office, _) in enumerate(offices_of(parse_answers(given("council"))))
    ]
    with pytest.raises(InputError, match="has no office `millbrook/mayor`"):
        parse_answers(given("council", offices=[*offices, {"id": "millbrook/mayor", "holder": "Nobody"}]))


@pytest.mark.parametrize("data", [b"", b"\xff", b"= 1", b"template = 'council'", b"a" * 300_000, b"[[[["])
def test_what_is_no_answers_is_an_input_error(data: bytes) -> None:
    with pytest.raises(InputError):
        parse_answers(data)


# --- the folder ---------------------------------------------------------------------------------------------------


def test_keys_are_made_for_those_without_one_and_nobody_else_reads_them(tmp_path: Path) -> None:
    theirs = PrivateKey.generate()
    answers = parse_answers(given("council"))
    offices = [
        {"id": one.id, "holder": one.holder, **({"key": format_public(theirs.public)} if number == 0 else {})}
        for number, one in enumerate(answers.offices)
    ]
    answers = parse_answers(given("council", offices=offices))
    made = make_folder(tmp_path / "new", answers, AT_US, lambda office: b"correct horse battery staple")
    names = sorted(path.name for path in made.keys)
    assert "millbrook.chief-executive.pem" not in names
    assert names == [
        *("millbrook.data-protection.pem", "scrutiny.chair.age", "scrutiny.chair.pem", "scrutiny.deputy.age"),
        *("scrutiny.deputy.pem", "westshire.superintendent.pem"),
    ]
    for path in made.keys:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new" / "keys").stat().st_mode) == 0o700
    charter = open_either((tmp_path / "new" / "charter.toml").read_bytes()).value
    assert isinstance(charter, Charter)
    assert charter.offices["millbrook/chief-executive"].public == theirs.public
    opener = Opener((tmp_path / "new" / "keys" / "scrutiny.chair.age").read_text())
    opening_key = charter.offices["scrutiny/chair"].opening_key
    assert opening_key is not None
    assert opener.open(seal(b"a second", [opening_key])) == b"a second"
    pem = (tmp_path / "new" / "keys" / "scrutiny.chair.pem").read_text()
    assert "ENCRYPTED PRIVATE KEY" in pem


def test_nothing_is_written_over_and_nothing_is_left_of_what_would_be_refused(tmp_path: Path) -> None:
    answers = parse_answers(given("council"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    with pytest.raises(ConfigurationError, match="nothing is overwritten"):
        make_folder(tmp_path / "full", answers, AT_US, lambda office: None)
    assert os.listdir(tmp_path / "full") == ["a"]
    one = [{"id": office, "holder": "Ada"} for office, _ in offices_of(answers)]
    with pytest.raises(DocumentRefused):
        make_folder(tmp_path / "bad", parse_answers(given(offices=one)), AT_US, lambda office: None)
    assert not (tmp_path / "bad").exists()
