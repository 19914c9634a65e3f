from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from wicketgate.base.errors import (
    ConfigurationError,
    DocumentRefused,
    FencedError,
    InputError,
    LedgerError,
    NotEntitled,
    SignerError,
    StreamError,
    Unreachable,
    VerificationError,
    WicketgateError,
)
from wicketgate.cli import main
from wicketgate.cli.commands import COMMANDS, ENTRY_POINTS, HEADINGS, all_commands, find_command, resolve
from wicketgate.cli.endings import FAILED, UNREACHED, USAGE, exit_code, tell
from wicketgate.cli.parser import Parser, build_parser, command_parser


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield a parser and those below it."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


# --- the table --------------------------------------------------------------------------------------------


def test_the_table_has_each_command_once_and_what_it_names_runs() -> None:
    found = list(all_commands())
    assert len({one.name for one in found}) == len(found)
    assert {"demo", "simulate"} == {one.name for one in found} - {one.name for one in COMMANDS}
    for command in found:
        assert command.who in HEADINGS
        for parser in parsers(command_parser(command)):
            run = parser.get_default("run")
            if run is not None:
                assert list(inspect.signature(resolve(run)).parameters) in (["args"], ["arguments"]), run
            else:
                assert parser._subparsers is not None, parser.prog


def test_every_argument_says_what_it_is() -> None:
    for parser in parsers(build_parser()):
        for action in parser._actions:
            assert action.help or isinstance(action, argparse._SubParsersAction), (parser.prog, action.dest)


def test_the_help_lists_each_command_under_who_uses_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 104
    blocks = {block.split(":")[0]: block for block in shown.split("\n\n")}
    for command in all_commands():
        assert f"\n  {command.name:<12}{command.summary}" in blocks[HEADINGS[command.who]]
    assert list(HEADINGS.values()) == [name for name in blocks if name.startswith("For ")]


@pytest.mark.parametrize("command", [one.name for one in COMMANDS])
def test_a_command_has_its_own_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: wicketgate {command} ")


# --- commands of other packages ---------------------------------------------------------------------------


def declared(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    """Let installed packages declare these entry points, and no others."""
    found = EntryPoints(EntryPoint(name, value, ENTRY_POINTS) for name, value in points.items())
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found.select(group=group))


def test_another_package_adds_a_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "their_package.py").write_text(
        "from wicketgate.cli.commands import Command\n"
        "THEIRS = Command(name='theirs', who='overseer', summary='count', arguments='their_package:add')\n"
        "def add(parser):\n"
        "    parser.add_argument('number', type=int)\n"
        "    parser.set_defaults(run='their_package:run')\n"
        "def run(args):\n"
        "    print(args.number)\n"
        "    return 0\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    declared(monkeypatch, theirs="their_package:THEIRS", verify="their_package:THEIRS")
    assert main(["theirs", "7"]) == 0
    assert capsys.readouterr().out == "7\n"
    assert "  theirs      count" in build_parser().format_help()
    assert find_command("verify").arguments.startswith("wicketgate."), "the product's own come first"


@pytest.mark.parametrize(
    "value", ["no_such_package:X", "wicketgate.base.errors:X", "wicketgate.base.errors:InputError", "json"]
)
def test_a_package_that_is_broken_is_said_so_and_breaks_nothing_else(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    declared(monkeypatch, theirs=value)
    assert main(["theirs"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("wicketgate: the ")
    assert "`theirs`" in error
    assert error.endswith("[configuration]\n")
    assert "\n  theirs      the " in build_parser().format_help()


def test_without_the_demonstration_its_commands_are_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    declared(monkeypatch)
    assert main(["demo"]) == 2
    assert "there is no command `demo`" in capsys.readouterr().err
    assert "demo" not in build_parser().format_help()


# --- what is mistyped -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("vreify", "there is no command `vreify`: did you mean `verify`? `wicketgate --help` lists them"),
        ("simulat", "there is no command `simulat`: did you mean `simulate`? `wicketgate --help` lists them"),
        ("xyzzy", "there is no command `xyzzy`; `wicketgate --help` lists them"),
        ("", "no command was given; `wicketgate --help` lists them"),
        ("--verison", "unknown arguments: --verison: did you mean `--version`? `wicketgate --help` says"),
        (
            "verify x --feedfile f",
            "verify: unknown arguments: --feedfile f: did you mean `--feed-file`? `wicketgate verify --help` says",
        ),
        (
            "submit d --too u",
            "submit: the following arguments are required: --to, --token-file: did you mean",
        ),
        ("key new --passprase-file=f --out o x", "key: unknown arguments: --passprase-file=f: did you mean"),
        ("verify", "verify: the following arguments are required: URL|DIR; `wicketgate verify --help` says"),
        ("verify x --k", "verify: argument --key: expected one argument; `wicketgate verify --help` says"),
        ("verify x y", "verify: unknown arguments: y; `wicketgate verify --help` says"),
        ("verify x -- --keyy", "verify: unknown arguments: --keyy; `wicketgate verify --help` says"),
        ("bench", "bench: the following arguments are required: NAME; `wicketgate bench --help` says"),
        ("serve d --port 70000", "serve: argument --port: `70000` is not a whole number from 0 to 65535; "),
        ("submit d --to gate --token-file t", "submit: argument --to: the address of a gateway begins with"),
        ("completion fish", "completion: argument shell: invalid choice: 'fish'"),
    ],
)
def test_what_is_mistyped_is_said_on_one_line_with_what_was_meant(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"wicketgate: {said}"), error
    assert error.endswith(" [usage]\n")
    assert error.count("\n") == 1


def test_the_beginning_of_an_option_still_stands_for_it(tmp_path: Path) -> None:
    parser = command_parser(find_command("verify"))
    assert parser.parse_args(["x", "--feed", str(tmp_path)]).feed_file == tmp_path
    assert isinstance(parser, Parser)


# --- how commands end -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("x"), USAGE),
        (ConfigurationError("x", code="usage"), USAGE),
        (Unreachable("x"), UNREACHED),
        (Unreachable("x", code="busy"), UNREACHED),
        (StreamError("x"), UNREACHED),
        (StreamError("x", code="stream-full"), FAILED),
        (FencedError("x"), FAILED),
        (InputError("x"), FAILED),
        (DocumentRefused("x", code="widening"), FAILED),
        (NotEntitled("x"), FAILED),
        (SignerError("x"), FAILED),
        (LedgerError("x"), FAILED),
        (VerificationError("x"), FAILED),
        (WicketgateError("x"), FAILED),
    ],
    ids=lambda value: f"{type(value).__name__}-{value.code}" if isinstance(value, WicketgateError) else "",
)
def test_each_kind_of_error_has_its_exit_code(error: WicketgateError, code: int) -> None:
    assert exit_code(error) == code


def test_an_error_is_one_line_whatever_an_answer_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell(NotEntitled("a\nb\x1b[2Jc\rd é", code="x\ny")) == FAILED
    assert capsys.readouterr().err == "wicketgate: a\\nb\\x1b[2Jc\\rd é [x\\ny]\n"


def test_whoever_interrupts_a_command_gets_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wicketgate.cli.find_command", interrupted)
    assert main(["verify", "x"]) == 130
