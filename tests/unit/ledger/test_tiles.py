from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.logs import OTHER_SIGNER, SIGNER, make_log, numbered, slow_root
from wicketgate.base.errors import InputError, LedgerError, ShapeError
from wicketgate.ledger.merkle import EMPTY_ROOT, leaf_hashes, root, verify_consistency, verify_inclusion
from wicketgate.ledger.tiles import (
    Edge,
    TileName,
    TileReader,
    build_bundle,
    fetch_checkpoint,
    folder_fetch,
    iterate_entries,
    parse_bundle,
    parse_path,
    prove_consistency,
    prove_inclusion,
    tile_at,
)

# Paths as C2SP tlog-tiles writes them, with the index of its own example.
PATHS = {
    "tile/0/000": TileName(level=0, index=0),
    "tile/0/000.p/1": TileName(level=0, index=0, width=1),
    "tile/63/999.p/255": TileName(level=63, index=999, width=255),
    "tile/1/x001/000": TileName(level=1, index=1000),
    "tile/0/x001/x234/067": TileName(level=0, index=1234067),
    "tile/entries/x001/x234/067.p/8": TileName(level=None, index=1234067, width=8),
    "tile/entries/255": TileName(level=None, index=255),
}


@pytest.mark.parametrize("path", PATHS)
def test_paths(path: str) -> None:
    assert PATHS[path].path == path
    assert parse_path(path) == PATHS[path]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "tile/0",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/data/000",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/",
        "tile/0/x000/000",
        "tile/0/x000/x001/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001.p/5/000",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "/tile/0/000",
        "tile/0/../0/000",
        "tile/0/" + "x001/" * 40 + "000",
    ],
)
def test_what_is_not_the_path_of_a_tile(path: str) -> None:
    with pytest.raises(InputError):
        parse_path(path)


@given(st.none() | st.integers(0, 63), st.integers(0, 10**15), st.integers(1, 256))
def test_each_tile_has_one_path(level: int | None, index: int, width: int) -> None:
    name = TileName(level=level, index=index, width=width)
    assert parse_path(name.path) == name
    assert name.full.width == 256


@given(st.text("tile/0123456789x.pentris", max_size=30))
def test_any_text_is_a_path_or_an_input_error(text: str) -> None:
    for candidate in (text, f"tile/{text}", f"tile/0/{text}"):
        try:
            assert parse_path(candidate).path == candidate
        except InputError:
            continue


def test_the_tiles_of_the_specification_s_example() -> None:
    # "273 full level 0 tiles, one partial level 0 tile of width 112, one full level 1 tile, one partial
    # level 1 tile of width 17, and one partial level 2 tile of width 1"
    assert tile_at(0, 272, 70_000).width == 256
    assert tile_at(0, 273, 70_000) == TileName(level=0, index=273, width=112)
    assert tile_at(None, 273, 70_000) == TileName(level=None, index=273, width=112)
    assert tile_at(1, 0, 70_000).width == 256
    assert tile_at(1, 1, 70_000).width == 17
    assert tile_at(2, 0, 70_000).width == 1
    for level, index in ((0, 274), (None, 274), (1, 2), (2, 1), (3, 0)):
        with pytest.raises(LedgerError, match="has no"):
            tile_at(level, index, 70_000)


@pytest.mark.parametrize(
    "values", [{"index": -1}, {"width": 0}, {"width": 257}, {"level": 64}, {"level": -1}]
)
def test_tiles_that_cannot_be(values: dict[str, int]) -> None:
    with pytest.raises(ShapeError):
        TileName(**({"level": 0, "index": 0} | values))


def test_a_bundle_holds_entries_after_their_lengths() -> None:
    data = build_bundle([b"", b"ab", b"c" * 65_535])
    assert data[:8] == b"\0\0\0\2ab\xff\xff"
    assert parse_bundle(data, 3) == [b"", b"ab", b"c" * 65_535]


def test_a_full_bundle_may_stand_for_a_partial_one() -> None:
    entries = numbered(0, 256)
    assert parse_bundle(build_bundle(entries), 7) == entries[:7]
    with pytest.raises(InputError, match="255 entries, not 7"):
        parse_bundle(build_bundle(entries[:255]), 7)
    with pytest.raises(InputError, match="more than 256"):
        parse_bundle(build_bundle([*entries, b"one more"]), 256)


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\3ab", b"\0\2ab\0", b"\0\2ab\0\1"])
def test_malformed_bundles(data: bytes) -> None:
    with pytest.raises(InputError):
        parse_bundle(data, 1)


@given(st.binary(max_size=600), st.integers(1, 256))
def test_any_bytes_are_a_bundle_or_an_input_error(data: bytes, width: int) -> None:
    try:
        entries = parse_bundle(data, width)
    except InputError:
        return
    assert len(entries) == width
    assert data.startswith(build_bundle(entries))


def test_an_edge_grows_as_the_tree_does() -> None:
    hashes = leaf_hashes(numbered(0, 600))
    edge = Edge()
    assert edge.root() == EMPTY_ROOT
    full = []
    for start, end in ((0, 1), (1, 255), (255, 257), (257, 257), (257, 600)):
        full += [name.path for name, _ in edge.extend(hashes[start:end])]
        assert edge.size == end
        assert edge.root() == slow_root(hashes[:end])
    assert full == ["tile/0/000", "tile/0/001"]
    assert [name.path for name, _ in edge.partials()] == ["tile/0/002.p/88", "tile/1/000.p/2"]


def test_an_edge_carries_over_two_levels() -> None:
    hashes = leaf_hashes([b"%d" % number for number in range(65_537)])
    edge = Edge()
    full = [name for name, _ in edge.extend(hashes[:65_535])]
    before = edge.copy()
    full += [name for name, _ in edge.extend(hashes[65_535:65_536])]
    assert [name.path for name in full[-2:]] == ["tile/0/255", "tile/1/000"]
    assert [name.path for name, _ in edge.partials()] == ["tile/2/000.p/1"]
    assert edge.root() == root(hashes[:65_536])
    assert before.root() == root(hashes[:65_535])
    list(edge.extend(hashes[65_536:]))
    assert edge.root() == root(hashes)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_log(tmp_path_factory.mktemp("tiles") / "log", 3, 600)


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 512, 602, 603])
def test_proofs_from_tiles_are_those_of_the_tree(log: Path, size: int) -> None:
    hashes = leaf_hashes(numbered(0, 603))
    reader = TileReader(folder_fetch(log), 603)
    whole = root(hashes[:size])
    assert reader.subtree(0, size) == whole
    for index in {0, size // 2, size - 1}:
        proof = prove_inclusion(reader, index, size)
        assert verify_inclusion(hashes[index], index, size, proof, whole)
    for old in {0, 1, size // 3, size}:
        proof = prove_consistency(reader, old, size)
        assert verify_consistency(old, size, root(hashes[:old]), whole, proof)


def test_entries_from_any_number_on(log: Path) -> None:
    fetch = folder_fetch(log)
    for start in (0, 1, 255, 256, 600, 602, 603):
        assert list(iterate_entries(fetch, 603, start)) == numbered(start, 603)


def test_a_reader_of_an_older_size_takes_the_full_tile(log: Path) -> None:
    # tile/0/001.p/44 was never written: the log went from 3 to 603.
    reader = TileReader(folder_fetch(log), 300)
    assert reader.subtree(256, 300) == root(leaf_hashes(numbered(256, 300)))
    assert reader.entries(1) == numbered(256, 300)


def test_a_reader_keeps_a_bounded_number_of_tiles(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TileReader, "_KEPT", 2)
    fetched: list[str] = []

    def fetch(path: str) -> bytes:
        fetched.append(path)
        return folder_fetch(log)(path)

    reader = TileReader(fetch, 603)
    for index in (0, 1, 1, 2, 2, 0):
        reader.tile(0, index)
    assert fetched == ["tile/0/000", "tile/0/001", "tile/0/002.p/91", "tile/0/000"]


def test_missing_and_misshapen_tiles_are_named(log: Path) -> None:
    def nothing(path: str) -> bytes:
        raise FileNotFoundError(path)

    with pytest.raises(LedgerError, match=r"`tile/0/002\.p/91` is missing"):
        TileReader(nothing, 603).tile(0, 2)
    with pytest.raises(LedgerError, match=r"`tile/entries/000` is missing"):
        TileReader(nothing, 603).entries(0)
    with pytest.raises(LedgerError, match="`checkpoint` is missing"):
        fetch_checkpoint(nothing, [SIGNER.verifier])
    with pytest.raises(LedgerError, match=r"`tile/0/002\.p/91` has 5 bytes, not 2912"):
        TileReader(lambda _: b"12345", 603).tile(0, 2)
    with pytest.raises(LedgerError, match=r"`tile/entries/002\.p/91`: a bundle"):
        TileReader(lambda _: b"12345", 603).entries(2)


def test_a_checkpoint_is_one_of_the_key(log: Path) -> None:
    checkpoint, note = fetch_checkpoint(folder_fetch(log), [SIGNER.verifier])
    assert checkpoint.size == 603
    assert note == (log / "checkpoint").read_bytes()
    with pytest.raises(LedgerError, match="`checkpoint`: no signature of a trusted key"):
        fetch_checkpoint(folder_fetch(log), [OTHER_SIGNER.verifier])
    with pytest.raises(LedgerError, match="`checkpoint`: a note"):
        fetch_checkpoint(lambda _: b"rubbish", [SIGNER.verifier])


@pytest.mark.parametrize(
    "path",
    ["../log/checkpoint", ".writing/0", "tile", "tile/0/000.p", "tile/0/009", "checkpoint/x", "/etc/passwd"],
)
def test_a_folder_gives_nothing_but_the_log(log: Path, path: str) -> None:
    with pytest.raises(FileNotFoundError):
        folder_fetch(log)(path)


def test_a_folder_where_a_tile_should_be(tmp_path: Path) -> None:
    (tmp_path / "tile/0/000").mkdir(parents=True)
    with pytest.raises(FileNotFoundError):
        folder_fetch(tmp_path)("tile/0/000")
