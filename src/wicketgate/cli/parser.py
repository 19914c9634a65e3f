"""The parsers of command lines.

They raise what is wrong together with what was probably meant.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from wicketgate.base.errors import ConfigurationError
from wicketgate.cli.commands import HEADINGS, Command, all_commands, meant, resolve

_WIDTH = 12


class Parser(argparse.ArgumentParser):
    """A parser with exceptions instead of prints.

    `main` alone prints errors.
    """

    _given: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and remember the arguments for a message of error.

        A command's `finish`, set as a default, then sees parser and arguments, and may change them or call `error`.
        """
        self._given = list(args or ())
        parsed, rest = super().parse_known_args(args, namespace)
        finish = parsed.__dict__.pop("finish", None)
        if finish is not None:
            finish(self, parsed)
        return parsed, rest

    def error(self, message: str) -> NoReturn:
        """Raise `ConfigurationError` with code `usage`."""
        _, _, name = self.prog.partition(" ")
        where = f"{name}: " if name else ""
        words = message.replace("unrecognized arguments", "unknown arguments")
        raise ConfigurationError(
            f"{where}{words}{self._meant()} `{self.prog} --help` says what it takes", code="usage"
        )

    def _meant(self) -> str:
        """Return the option nearest to the first unknown one."""
        known = [option for option in _options(self) if option.startswith("--")]
        for word in self._given:
            option = word.partition("=")[0]
            if option == "--":
                break
            # The beginning of an option stands for it, as long as it is the beginning of no other.
            if option.startswith("--") and not any(one.startswith(option) for one in known):
                return meant(option, known)
        return ";"


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _options(below)


class _Root(Parser):
    """The parser above all commands.

    Its help lists them by who uses them.
    """

    def format_help(self) -> str:
        """Return the help."""
        lines = [
            "usage: wicketgate COMMAND ...",
            "",
            "An accountable gateway for number-plate reads: a read leaves under a signed, published, expiring",
            "authority or not at all, and anyone can check the log of it.",
        ]
        commands = list(all_commands())
        for who, heading in HEADINGS.items():
            lines += ["", f"{heading}:"]
            lines += [f"  {one.name:<{_WIDTH}}{one.summary}" for one in commands if one.who == who]
        lines += [
            "",
            "`wicketgate COMMAND --help` says what a command takes, and `wicketgate --version` which version this is.",
            "Exit codes: 0 good; 1 a check failed, or the answer is no; 2 usage; 3 the other side was not reached.",
        ]
        return "\n".join(lines) + "\n"


class _Version(argparse.Action):
    """The option `--version`.

    The version is looked up only where it is asked for.
    """

    def __call__(self, parser: argparse.ArgumentParser, *_args: object, **_more: object) -> NoReturn:
        from importlib.metadata import version

        print(f"wicketgate {version('wicketgate')}")
        parser.exit()


def root_parser() -> Parser:
    """Return the parser of a line without a command.

    Such a line has `--help` and `--version`.
    """
    parser = _Root(prog="wicketgate")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    return parser


def command_parser(command: Command) -> Parser:
    """Return the parser of one command's arguments."""
    parser = Parser(prog=f"wicketgate {command.name}", description=_sentence(command.summary))
    resolve(command.arguments)(parser)
    return parser


def build_parser() -> Parser:
    """Return one parser of every command.

    It is for what looks at all of them. A command line is parsed without it.
    """
    parser = root_parser()
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=Parser)
    for command in all_commands():
        below = commands.add_parser(
            command.name, help=command.summary, description=_sentence(command.summary)
        )
        resolve(command.arguments)(below)
    return parser


def _sentence(summary: str) -> str:
    return f"{summary[:1].upper()}{summary[1:]}."
