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

PACKAGE = Path("src/wicketgate")
DEMONSTRATION = Path("src/wicketgate_demo")
SOURCES = sorted([*PACKAGE.rglob("*.py"), *DEMONSTRATION.rglob("*.py")])
MOST_LINES = 600


def contracts() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(comment_prefixes=("#",))
    parser.read(".importlinter")
    return parser


def names_in_table() -> set[str]:
    """Return the modules that the README's table names."""
    section = Path("README.md").read_text().split("## The tree")[1].split("\n## ")[0]
    return {
        name
        for row in re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
        for name in re.findall(r"`([a-z_]+)`", row)
    }


def modules() -> set[str]:
    """Return the names directly under the package: modules, and folders of modules."""
    return {
        path.stem if path.is_file() else path.name
        for path in PACKAGE.iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    }


def test_the_readme_names_every_module_and_no_other() -> None:
    assert names_in_table() == modules()


def test_the_layers_name_every_module_and_no_other() -> None:
    layers = contracts()["importlinter:contract:layers"]["layers"]
    assert set(re.findall(r"\w+", layers)) == modules()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to("src")))
def test_modules_are_short_and_say_what_they_are_for(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    assert ast.get_docstring(ast.parse(text)), "every module begins with its purpose"


def caught(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            caught_types = [node.type] if not isinstance(node.type, ast.Tuple) else node.type.elts
            for one in caught_types:
                yield "everything" if one is None else ast.unparse(one)


def test_only_the_top_level_handler_catches_everything() -> None:
    wide = {
        str(path.relative_to("src"))
        for path in SOURCES
        if any(name in {"everything", "Exception"} for name in caught(path))
    }
    assert wide == {"wicketgate/http/app.py"}


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
