"""The field `place` under authorities signed before rows had a camera's name and position, and after."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.registers import Chancery
from tests.simulator import document_transaction, founding
from tests.vectors import make_documents as documents
from tests.vectors.make_documents import changed, example, put
from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import VerificationError
from wicketgate.base.signing import dump_envelope
from wicketgate.clients.officer.appraisal import appraise
from wicketgate.clients.officer.from_register import learn
from wicketgate.clients.verify.entries import Logged
from wicketgate.clients.verify.feeds import ReleaseRight, TakenBatch
from wicketgate.feeds.batches import Batch
from wicketgate.pages.public import Pages
from wicketgate.regime.documents.document import open_document, sign_document
from wicketgate.regime.parsed import Parsed

NAME = "tfl-met-ct"
OLD = changed(example("authority"), put("authority.log", None))
"""An authority as version 0.3 had it signed: it names no log."""
PLACED: dict[str, Any] = {"camera_name": "Waterloo Bridge", "position": [-0.1, 51.5]}


def sign(document: dict[str, Any], offices: tuple[str, ...]) -> bytes:
    """Return the envelope of a document as it stands: `tests.registers.sign` would name the log."""
    return dump_envelope(sign_document(document, documents.keys_of(offices)))


def check(document: dict[str, Any], read: dict[str, Any]) -> None:
    """Check a row as `verify --feed-file` does, under one authority."""
    envelopes = (founding(), sign(document, documents.CT_OFFICES))
    logged = [
        Logged(entry=entry, at_us=documents.AT_US + entry, document=open_document(one), envelope=one)
        for entry, one in enumerate(envelopes)
    ]
    known = {"plate": "KLM3", "confidence": None, "captured_at": "2026-07-08T11:59:59Z"}
    known |= {"source": "tfl", "camera": "c0"}
    row = {"seq": 1, "salt": "00", "authority": f"{NAME}@1", "read": known | read}
    batch = Batch(header={"batch": 1}, lines=(json.dumps(row).encode(),))
    taken = TakenBatch(name=NAME, version=1, released_us=documents.AT_US + SECOND_US, delay_us=5 * SECOND_US)
    ReleaseRight(logged, Parsed()).check(batch, taken)


def test_a_row_with_name_and_position_is_what_an_authority_of_now_allows() -> None:
    check(example("authority"), PLACED)
    check(example("authority"), {"camera_name": "c0"})
    with pytest.raises(VerificationError, match="lacks the member `camera_name`"):
        check(example("authority"), {})
    check(OLD, {"lane": 2, "direction": "towards"})


@pytest.mark.parametrize("member", PLACED)
def test_one_under_an_authority_of_before_is_beyond_it(member: str) -> None:
    with pytest.raises(VerificationError, match=f"`{member}` beyond the camera's id") as caught:
        check(OLD, {member: PLACED[member]})
    assert "Waterloo" not in caught.value.detail  # never what the row holds


def test_neither_goes_without_the_field() -> None:
    blind = changed(example("authority"), put("scope.fields", ["plate", "time"]))
    with pytest.raises(VerificationError, match="the member `source`"):
        check(blind, PLACED)


@pytest.fixture
def chancery() -> Chancery:
    """A gateway that was upgraded: its authority took effect under version 0.3."""
    made = Chancery()
    data = sign(OLD, documents.CT_OFFICES)
    transaction = document_transaction(data, made.state.entries, made.at_us)
    made.state.apply(transaction, made.state.sequence + 1, made.parsed)
    return made


def test_check_says_that_the_next_version_adds_name_and_position(chancery: Chancery) -> None:
    known = learn(chancery.register())
    following = changed(example("authority"), put("authority.version", 2))
    words = "\n".join(appraise(open_document(sign(following, ())), known, at_us=chancery.at_us).words)
    assert (
        f"Rows under `{NAME}@1` show the camera by its id alone. From this version on they show its name"
        in words
    )
    assert (
        "Released of each read: the plate, the time of capture, the camera, with its name and position."
        in words
    )
    chancery.at_us += SECOND_US
    chancery.submit(following, documents.CT_OFFICES)
    third = changed(example("authority"), put("authority.version", 3))
    known = learn(chancery.register())
    words = "\n".join(appraise(open_document(sign(third, ())), known, at_us=chancery.at_us).words)
    assert "by its id alone" not in words  # it was told once, where it changed


def test_pages_and_register_say_which(chancery: Chancery) -> None:
    register = chancery.register()
    (item,) = register["authorities"]
    assert any("the camera, by its id alone" in words for words in item["words"])
    html = Pages().authority(register, NAME, 1)
    assert html is not None
    assert "place (the camera, by its id alone)" in html
    chancery.at_us += SECOND_US
    chancery.submit(changed(example("authority"), put("authority.version", 2)), documents.CT_OFFICES)
    html = Pages().authority(chancery.register(), NAME, 2)
    assert html is not None
    assert "place (the camera, with its name and position)" in html
