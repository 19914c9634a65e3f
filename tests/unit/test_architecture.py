"""The tree is what the README says it is; the rules of the house that no linter knows."""

from __future__ import annotations

import ast
import configparser
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tools import check_sizes, list_rooms
from tools.list_rooms import layers

PACKAGE = Path("src/wicketgate")
DEMONSTRATION = Path("src/wicketgate_demo")
SOURCES = sorted([*PACKAGE.rglob("*.py"), *DEMONSTRATION.rglob("*.py")])


def contracts() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(comment_prefixes=("#",))
    parser.read(".importlinter")
    return parser


def rooms(package: Path = PACKAGE) -> set[str]:
    """Return the folders of a package that are packages themselves."""
    return {path.name for path in package.iterdir() if (path / "__init__.py").exists()}


def test_the_readme_names_every_room_and_no_other() -> None:
    section = Path("README.md").read_text().split("## The tree")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == rooms()


def test_the_layers_name_every_room_and_no_other() -> None:
    assert set(layers(Path(".importlinter").read_text(), "wicketgate")) == rooms() | {"__main__"}
    assert rooms() | {path.stem for path in PACKAGE.glob("*.py")} == rooms() | {"__init__", "__main__"}


def test_the_reason_for_a_wall_is_printed_when_it_breaks() -> None:
    parsed = contracts()
    names = [parsed[section]["name"] for section in parsed.sections() if "contract" in section]
    assert len(names) >= 8
    assert all(", because " in name for name in names)


def test_the_page_lists_what_is_in_the_tree(capsys: pytest.CaptureFixture[str]) -> None:
    assert list_rooms.main([]) == 0, capsys.readouterr().out
    page = Path("docs/architecture.md").read_text()
    for path in SOURCES:
        if path.stem not in {"__init__", "__main__"} and len(path.parts) > 3:
            assert f"| `{'/'.join(path.parts[3:])}` |" in page, path


def test_the_walks_name_files_that_exist() -> None:
    walks = Path("docs/architecture.md").read_text().split("## Four walks")[1].split("## The files")[0]
    named = re.findall(r"`(\w+/[\w/]+(?:\.py|/))`", walks)
    assert len(named) > 25
    for name in named:
        assert (PACKAGE / name).exists(), name


def test_a_class_has_a_name_of_its_own() -> None:
    places: dict[str, list[str]] = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_sizes_are_measured() -> None:
    long = "def f():\n" + "    x = 1\n" * 80
    assert list(check_sizes.faults("a.py", long)) == [
        "a.py:1: `f` has 81 lines of at most 80: name its steps"
    ]
    assert list(check_sizes.faults("a.py", "@one\n" + long[:-20])) == []
    assert len(list(check_sizes.faults("a.py", "x = 1\n" * 501))) == 1


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to("src")))
def test_modules_say_what_they_are_for(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "every module begins with its purpose"


def caught(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            caught_types = [node.type] if not isinstance(node.type, ast.Tuple) else node.type.elts
            for one in caught_types:
                yield "everything" if one is None else ast.unparse(one)


def test_only_top_level_handlers_catch_everything() -> None:
    wide = {
        str(path.relative_to("src"))
        for path in SOURCES
        if any(name in {"everything", "Exception"} for name in caught(path))
    }
    # The gateway, the renderer, the process that sends alerts, and the sweep over all connections, which drops the one
    # that failed.
    assert wide == {
        "wicketgate/alerts/sending.py",
        "wicketgate/http/connections.py",
        "wicketgate/http/fronts/desk.py",
        "wicketgate/http/handlers.py",
        "wicketgate/http/hot.py",
        "wicketgate/pages/orders.py",
    }


def test_whoever_catches_a_cancelled_task_ends_the_gateway_or_cleans_up() -> None:
    # `except BaseException` is for what must be told before it goes on its way: each is raised again.
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.ExceptHandler)
                and node.type
                and ast.unparse(node.type) == "BaseException"
            ):
                assert any(isinstance(inner, ast.Raise) for inner in ast.walk(node)), path


def test_nothing_prints_but_commands_and_the_demonstration() -> None:
    printing = {
        str(path.relative_to("src"))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert all(name.startswith(("wicketgate/cli/", "wicketgate_demo/")) for name in printing), printing


def private_names(path: Path) -> Iterator[str]:
    """Yield the private names that a module takes from another module of ours."""
    tree = ast.parse(path.read_text())
    ours = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wicketgate"):
            ours |= {alias.asname or alias.name for alias in node.names if alias.name.islower()}
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name.startswith("_"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ours:
            yield from (f"{node.value.id}.{name}" for name in [node.attr] if name.startswith("_"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to("src")))
def test_a_private_name_is_used_in_its_module_alone(path: Path) -> None:
    assert list(private_names(path)) == []


def test_private_names_of_other_modules_are_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "from wicketgate.gate.terms import WORD, _STOPS\nfrom wicketgate.gate import terms\nx = terms._ENDS\n"
        "from os import _exit\nself._own = _STOPS\n"
    )
    assert list(private_names(module)) == ["wicketgate.gate.terms._STOPS", "terms._ENDS"]


def test_the_body_of_a_fact_is_written_in_two_modules() -> None:
    # The release's fact alone is built by whoever holds the batch's header as well.
    writers = {
        str(path.relative_to(PACKAGE))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"fact", "facts.fact"}
    }
    assert writers == {"ledger/facts.py", "gateway/filing/facts.py"}


def test_what_is_told_the_time_is_given_no_clock_and_no_path() -> None:
    # Backs the four imports that the contract `decided` in .importlinter lets pass.
    section = contracts()["importlinter:contract:decided"]
    for name in section["source_modules"].split():
        source = inspect.getsource(import_module(name))
        imported = {
            alias.name
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.ImportFrom)
            and node.module in {"wicketgate.base.clock", "wicketgate.base.signing"}
            for alias in node.names
        }
        assert imported.isdisjoint({"Clock", "SystemClock"}), name
        called = {
            ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)
        }
        # `hours` reads the zones that lie in the package `tzdata`, which is as fixed as code.
        assert "open" not in called, name
        assert ".save(" not in source, name
        assert "PrivateKey.load" not in source, name


def test_the_version_is_one() -> None:
    declared = re.search(r'^version = "([^"]+)"', Path("pyproject.toml").read_text(), re.MULTILINE)
    assert declared is not None
    assert f"## {declared[1]}" in Path("CHANGELOG.md").read_text()
