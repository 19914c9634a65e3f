"""Keys by the hour, and what they seal in COMMITS."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tests.matching import SOURCE, Desk, until
from wicketgate.base.clock import HOUR_US
from wicketgate.base.errors import ConfigurationError, InputError, StreamError
from wicketgate.base.hour_keys import HourKeys, hour_of, open_sealed

SAID = b'{"plate":"AB12CDE"}'
AT_US = 490_000 * HOUR_US + 5


def test_what_is_sealed_is_opened_until_its_key_ends(tmp_path: Path) -> None:
    keys = HourKeys(tmp_path / "keys")
    first, same, later = (keys.seal(SAID, at_us) for at_us in (AT_US, AT_US + 1, AT_US + HOUR_US))
    assert len({first, same, later}) == 3
    assert not any(b"AB12CDE" in sealed for sealed in (first, same, later))
    again = HourKeys(tmp_path / "keys")
    assert [again.open(one) for one in (first, same, later)] == [SAID] * 3
    for before_us in (AT_US, (AT_US // HOUR_US + 1) * HOUR_US - 1):
        keys.end_before(before_us)
        assert keys.open(first) == SAID
    keys.end_before((AT_US // HOUR_US + 1) * HOUR_US)
    assert [keys.open(one) for one in (first, same, later)] == [None, None, SAID]
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["490001.key"]
    assert HourKeys(tmp_path / "keys").open(first) is None


@pytest.mark.parametrize("data", [b"", b"{}", SAID, b"\x00", b"\x00hour-1"])
def test_what_was_kept_in_the_open_is_returned_as_it_is(tmp_path: Path, data: bytes) -> None:
    assert HourKeys(tmp_path / "keys").open(data) == data


def test_what_was_changed_is_refused(tmp_path: Path) -> None:
    keys = HourKeys(tmp_path / "keys")
    sealed = keys.seal(SAID, 5 * HOUR_US)
    with pytest.raises(InputError):
        keys.open(sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_keys_are_private(tmp_path: Path) -> None:
    keys = HourKeys(tmp_path / "keys")
    keys.seal(SAID, AT_US)
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "keys", *(tmp_path / "keys").iterdir())]
    assert modes == [0o700, 0o600]


async def test_what_is_quarantined_stands_in_no_stream_in_the_open(desk: Desk) -> None:
    bad = [{"camera": "nowhere", "captured_at": "2026-07-08T12:00:00Z", "plate": "ZZ99ZZZ"}]
    answer = await desk.call(SOURCE, "POST", "/v1/reads", json=bad)
    assert len(answer.json()["quarantined"]) == 1
    gateway = desk.gateway

    async def listed() -> str | None:
        return (await desk.call(SOURCE, "GET", "/v1/quarantine")).text or None

    assert "ZZ99ZZZ" in await until(listed)
    looked_at = 0
    for stream in ("COMMITS", "QUARANTINED"):
        held = (await gateway.link.info(stream)).state
        for sequence in range(max(held.first_seq, 1), held.last_seq + 1):
            stored = await gateway.link.jetstream.get_msg(stream, seq=sequence, direct=True)
            assert b"ZZ99ZZZ" not in stored.data
            looked_at += 1
    assert looked_at >= 2
    commits = gateway.commits
    term_us = commits.parsed.charter(commits.committed).limits.too_old_us
    await gateway.projections.quarantine.end_before(commits.committed.at_us + term_us + 2 * HOUR_US)
    assert await listed() is None


def test_the_next_hours_key_is_made_ahead_where_this_hours_is_in_use(tmp_path: Path) -> None:
    keys = HourKeys(tmp_path / "keys")
    keys.go_on(AT_US + HOUR_US)
    assert list((tmp_path / "keys").iterdir()) == []
    keys.seal(SAID, AT_US)
    keys.go_on(AT_US)
    assert [path.stem for path in (tmp_path / "keys").iterdir()] == ["490000"]
    keys.go_on(AT_US + HOUR_US)
    made = (tmp_path / "keys" / "490001.key").read_bytes()
    sealed = keys.seal(SAID, AT_US + HOUR_US)
    keys.go_on(AT_US + HOUR_US)
    assert (tmp_path / "keys" / "490001.key").read_bytes() == made
    assert HourKeys(tmp_path / "keys").open(sealed) == SAID


def test_an_hour_in_which_nothing_was_sealed_begins_no_next_one(tmp_path: Path) -> None:
    keys = HourKeys(tmp_path / "keys")
    keys.seal(SAID, AT_US)
    for hour in range(1, 5):
        keys.go_on(AT_US + hour * HOUR_US)
    assert [path.stem for path in sorted((tmp_path / "keys").iterdir())] == ["490000", "490001"]


def test_a_next_life_goes_on_with_the_hour_that_the_former_one_used(tmp_path: Path) -> None:
    HourKeys(tmp_path / "keys").seal(SAID, AT_US)
    HourKeys(tmp_path / "keys").go_on(AT_US + HOUR_US)
    assert (tmp_path / "keys" / "490001.key").exists()


def test_an_ended_hour_never_has_a_key_again(tmp_path: Path) -> None:
    keys = HourKeys(tmp_path / "keys")
    sealed = keys.seal(SAID, AT_US)
    keys.end_before(AT_US + HOUR_US)
    with pytest.raises(StreamError):
        keys.seal(SAID, AT_US)
    assert keys.open(sealed) is None
    assert list((tmp_path / "keys").iterdir()) == []


def test_a_damaged_key_is_no_new_one(tmp_path: Path) -> None:
    sealed = HourKeys(tmp_path / "keys").seal(SAID, AT_US)
    (tmp_path / "keys" / "490000.key").write_bytes(b"short")
    keys = HourKeys(tmp_path / "keys")
    for use in (lambda: keys.open(sealed), lambda: keys.seal(SAID, AT_US)):
        with pytest.raises(ConfigurationError, match="490000"):
            use()
    assert (tmp_path / "keys" / "490000.key").read_bytes() == b"short"


def test_a_key_that_ends_while_it_is_looked_for_is_gone(tmp_path: Path) -> None:
    """A reader in one thread, the end of terms in another."""
    for _ in range(60):
        folder = tmp_path / "keys"
        sealed = HourKeys(folder).seal(SAID, AT_US)
        keys = HourKeys(folder)
        with ThreadPoolExecutor(2) as pool:
            reading = [pool.submit(keys.open, sealed) for _ in range(3)]
            keys.end_before(AT_US + HOUR_US)
            for one in reading:
                assert one.result() in (SAID, None)
        assert keys.open(sealed) is None


def test_whoever_follows_is_told_which_hours_have_a_key_and_when_that_changes(tmp_path: Path) -> None:
    keys = HourKeys(tmp_path / "keys")
    hour, before = AT_US // HOUR_US, keys.revision
    assert keys.held(()) == {}
    sealed = keys.seal(SAID, AT_US)
    assert keys.revision > before
    told = keys.held(())
    assert list(told) == [hour]
    assert open_sealed(ChaCha20Poly1305(told[hour]), sealed) == SAID
    assert hour_of(sealed) == hour
    assert hour_of(SAID) is None
    before = keys.revision
    keys.seal(SAID, AT_US + 1)
    assert keys.revision == before
    keys.seal(SAID, AT_US + HOUR_US)
    assert keys.held({hour}) == {hour: b"", hour + 1: keys.held(())[hour + 1]}
    before = keys.revision
    keys.end_before(AT_US + HOUR_US)
    assert keys.revision > before
    assert list(keys.held(())) == [hour + 1]
