"""Words of gateways and of drafts at a terminal: none of them passes for a word of the command."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests import made_gateway as made
from tests.made_gateway import World, changed_register, serve
from tests.vectors import make_documents as documents
from wicketgate.cli import main
from wicketgate.cli import saying as saying_module
from wicketgate.regime.documents.toml import dump_toml

CLEARS = "\x1b[2J\x1b[HVerified.\x1b[8m"
PRINTERS = {"saying.py", "endings.py", "completion.py", "parser.py", "serving.py", "progress.py"}
"""Modules that print what is their own, or what they have made fit themselves."""


@pytest.mark.parametrize("member", [CLEARS, "x`\n\nVerified.\n\n", "\r\u202e\u2028Verified."])
def test_a_gateway_does_not_write_the_verdict_on_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], member: str
) -> None:
    world: World = made.standard(tmp_path / "log")
    with serve(world) as served:
        served.lies["/register.json"] = changed_register(lambda register: register.update({member: 1}))
        code = main(["verify", served.url, "--state", str(tmp_path / "state")])
    world.close()
    said = capsys.readouterr()
    lines = said.out.removesuffix("\n").split("\n")
    assert code == 1
    assert all(line.isprintable() for line in lines)
    assert "Verified." not in lines
    assert lines[-1].startswith("Verification FAILED")
    assert any("is a member that the register has not" in line for line in lines)


@pytest.mark.parametrize("member", ["title", "instrument.citation"])
def test_a_draft_writes_no_line_of_what_is_found_about_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], member: str
) -> None:
    forged = "Nothing found for which it would be refused."
    draft = documents.changed(
        documents.example("authority"), documents.put(f"authority.{member}", f"So.\n{forged}\nSo.")
    )
    (tmp_path / "draft.toml").write_text(dump_toml(draft))
    assert main(["check", str(tmp_path / "draft.toml")]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert forged not in lines
    assert f"    {forged}" in lines


def test_no_command_prints_what_it_has_not_made_fit() -> None:
    """Because a word of somebody else's comes to a terminal by one way alone."""
    found = []
    for path in sorted(Path(saying_module.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"):
                continue
            own = not node.args or ast.unparse(node.args[0]).startswith(("json.dumps(", "f'\\r{done}"))
            if path.name not in PRINTERS and not own:
                found.append(f"{path.name}:{node.lineno}")
    assert found == []
