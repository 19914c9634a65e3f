"""Evidence packs that are made to be costly: refused before anything of them is read as more than bytes."""

from __future__ import annotations

import tracemalloc
from contextlib import closing

import pytest

from tests.packs import PackedAnswer
from wicketgate.base.errors import InputError
from wicketgate.base.signing import canonical, parse_canonical
from wicketgate.clients.evidence.archive import read_archive, write_archive
from wicketgate.clients.evidence.checking import check_pack
from wicketgate.clients.evidence.members import (
    CHECKPOINT,
    KEY,
    MANIFEST,
    QUESTION,
    ROWS,
    RUN,
    SUMS,
    with_manifest,
)

MIB = 1 << 20


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    with closing(PackedAnswer(tmp_path_factory.mktemp("world"))) as world:
        return world.pack()


def forged(pack: bytes, name: str, data: bytes) -> bytes:
    """Return a pack with another member, listed as it is."""
    members = {**read_archive(pack).members, name: data}
    if name in (MANIFEST, SUMS):
        return write_archive(members)
    about = parse_canonical(members[MANIFEST])
    del about["members"]
    return write_archive(
        with_manifest({n: d for n, d in members.items() if n not in (MANIFEST, SUMS)}, about)
    )


@pytest.mark.parametrize(
    "name", [MANIFEST, SUMS, KEY, CHECKPOINT, RUN, QUESTION, "facts/0001.json", "documents/0000000000.json"]
)
def test_no_member_takes_memory_or_time_that_a_pack_does_not(answered: bytes, name: str) -> None:
    """As JSON it would take thirty times its bytes: gigabytes, and minutes, of a pack that may have 256 MiB."""
    data = b'{"a":[' + b"[]," * (3 * MIB) + b"[]]}"
    pack = forged(answered, name, data)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="no pack has such a member") as refused:
            check_pack(pack)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(pack)
    finally:
        tracemalloc.stop()
    assert f"`{name}`" in refused.value.detail


def test_rows_are_counted_before_they_are_told_apart(answered: bytes) -> None:
    pack = forged(answered, ROWS, b"\n" * (16 * MIB))
    tracemalloc.start()
    try:
        report = check_pack(pack)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(pack)
    finally:
        tracemalloc.stop()
    assert next(check.name for check in report.checked if not check.ok) == "answer"


@pytest.mark.parametrize("salt", ["abc", "0" * 31, "0" * 130, "ABCD", ""])
def test_a_salt_that_is_no_bytes_is_a_fault_in_words(answered: bytes, salt: str) -> None:
    """One of an odd number of digits ended the check itself."""
    said = {**parse_canonical(read_archive(answered).members[QUESTION]), "salt": salt}
    report = check_pack(forged(answered, QUESTION, canonical(said)))
    [fault] = [check for check in report.checked if check.name == "answer"]
    assert not fault.ok
    assert QUESTION in fault.words
