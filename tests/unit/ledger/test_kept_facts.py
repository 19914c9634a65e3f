"""Facts that are kept for evidence packs: by what they are about, with proofs, sealed, until their term."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wicketgate.base.clock import DAY_US, HOUR_US, SECOND_US, rfc3339
from wicketgate.base.hour_keys import HourKeys
from wicketgate.ledger.facts import SecondTree, check_fact, fact, second_entry
from wicketgate.ledger.kept_facts import KeptFacts, image_subject
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.proofs import Proofs
from wicketgate.ledger.second import SecondClosed

HIT, OTHER = "a" * 24, "b" * 24
_salts = iter(range(1 << 20))


@pytest.fixture
def proofs(tmp_path: Path) -> Iterator[Proofs]:
    opened = Proofs(tmp_path / "proofs", HourKeys(tmp_path / "keys"))
    yield opened
    opened.close()


def told(kind: str, **body: Any) -> bytes:
    return fact(kind, body, next(_salts).to_bytes(16, "big"))


def closed(number: int, *facts: bytes) -> SecondClosed:
    return SecondClosed(
        number=number + 1,
        second_us=number * SECOND_US,
        entry=number + 10,
        facts=facts,
        seed=b"s" * 32,
        sealed=b"",
    )


def kept(proofs: Proofs) -> KeptFacts:
    assert proofs.facts is not None
    return proofs.facts


def about(proofs: Proofs, *subjects: str, from_us: int = 0) -> list[bytes]:
    return [one for one, _ in kept(proofs).about(subjects, from_us)]


def raised(hit: str = HIT) -> bytes:
    return told("hit", hit=hit, authority="wanted@1", seq=1)


def test_what_is_about_a_hit_is_found_with_its_proof_in_the_order_of_seconds(proofs: Proofs) -> None:
    facts = [
        raised(),
        told("look", what="hits", of="met/desk", by="x", items=[OTHER, HIT]),
        told("outcome", hit=HIT, outcome="confirmed"),
        told("look", what="hit", of=OTHER, by="x", items=[HIT]),
        told("look", what="evidence", of=f"hit/{HIT}", by="x"),
    ]
    seconds = [closed(number, one, raised(OTHER)) for number, one in enumerate(facts, 1)]
    proofs.add(seconds, 0)
    found = list(kept(proofs).about([f"hit/{HIT}"]))
    assert [one for one, _ in found] == facts
    for (one, answer), second in zip(found, seconds, strict=True):
        root = SecondTree(second.facts, second.seed).root
        check_fact(answer, leaf_hash(one), second_entry(second.second_us, root))
        assert answer.entry == second.entry
    assert about(proofs, f"hit/{HIT}", from_us=4 * SECOND_US) == facts[3:]


def test_looks_at_feeds_and_images_are_kept_of_authorities_with_hits_alone(proofs: Proofs) -> None:
    wanted = [
        told("look", what="rows", of="wanted", by="x", **{"from": 1, "to": 2}),
        told("image-read", authority="wanted", sha256="c" * 64, by="x"),
        told("images-read", authority="wanted", images=["d" * 64, "c" * 64], by="x"),
    ]
    bulk = [
        msgspec.json.encode({**msgspec.json.decode(one), "of": "bulk", "authority": "bulk"}) for one in wanted
    ]
    proofs.add([closed(1, raised(), *wanted, *bulk)], 0)
    assert set(about(proofs, "rows/wanted", image_subject("wanted", "c" * 64))) == set(wanted)
    assert about(proofs, "rows/bulk", image_subject("bulk", "c" * 64)) == []


def test_what_is_about_a_search_is_found(proofs: Proofs) -> None:
    facts = [
        told("search-asked", id="q"),
        told("search-approved", id="q"),
        told("look", what="search", of="q", by="x"),
        told("search-run", id="q"),
        told("answer-read", id="q"),
    ]
    proofs.add([closed(number, one, told("search-asked", id="r")) for number, one in enumerate(facts)], 0)
    assert about(proofs, "search/q") == facts


def test_a_replay_keeps_each_once(proofs: Proofs) -> None:
    seconds = [closed(1, raised()), closed(2, told("outcome", hit=HIT))]
    proofs.add(seconds, 0)
    proofs.add(seconds, 0)
    assert len(about(proofs, f"hit/{HIT}")) == 2


def test_nothing_is_kept_past_its_term_and_its_keys_end(proofs: Proofs, tmp_path: Path) -> None:
    hour = HOUR_US // SECOND_US
    proofs.add([closed(1, raised()), closed(3 * hour, told("outcome", hit=HIT))], 0)
    assert len(list((tmp_path / "keys").glob("*.key"))) == 2
    proofs.add([closed(3 * hour + 1)], HOUR_US // 2)
    assert len(about(proofs, f"hit/{HIT}")) == 1
    proofs.add([closed(3 * hour + 2)], 2 * HOUR_US)
    assert len(list((tmp_path / "keys").glob("*.key"))) == 1
    proofs.add([closed(1, raised())], 2 * HOUR_US)  # a replay of what is past its term
    assert len(about(proofs, f"hit/{HIT}")) == 1


def test_facts_of_questions_outlive_the_rows_of_feeds(proofs: Proofs) -> None:
    day = DAY_US // SECOND_US
    asked = told("search-asked", id="q")
    run = told("search-run", id="q", until=rfc3339((2 + 40 * day) * SECOND_US))
    proofs.add([closed(1, asked), closed(2, run)], 0)
    proofs.add([closed(70 * day)], 70 * DAY_US)
    assert about(proofs, "search/q") == [asked, run]
    proofs.add([closed(72 * day)], 72 * DAY_US)
    assert about(proofs, "search/q") == []


def test_facts_lie_sealed(proofs: Proofs, tmp_path: Path) -> None:
    proofs.add([closed(1, raised(), told("outcome", hit=HIT, reason="somebody said so"))], 0)
    proofs.close()
    assert b"somebody said so" not in (tmp_path / "proofs" / "data.mdb").read_bytes()


def test_since_when_facts_are_kept_is_known(proofs: Proofs) -> None:
    assert kept(proofs).since_us() is None
    proofs.add([closed(7), closed(8, raised())], 0)
    assert kept(proofs).since_us() == 7 * SECOND_US


def test_whoever_asked_for_evidence_can_prove_it_to_anybody(proofs: Proofs) -> None:
    made, other = (told("look", what=what, of=f"hit/{HIT}", by="x") for what in ("evidence", "hit"))
    proofs.add([closed(1, made, other)], 0)
    assert proofs.answer(leaf_hash(made)) is not None
    assert proofs.answer(leaf_hash(other)) is None
