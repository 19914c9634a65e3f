"""The documents name what exists: tests, commands, pages, metrics; and their code does what they say."""

from __future__ import annotations

import argparse
import ast
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.described import OPENAPI
from tools import check_docs
from wicketgate.base.settings_template import TEMPLATE
from wicketgate.cli import build_parser
from wicketgate.ledger import merkle
from wicketgate.ledger.facts import SecondTree, fact
from wicketgate.ledger.sealing import new_identity, seal

PAGES = sorted([*Path().glob("*.md"), *Path("docs").rglob("*.md")])
PROMISES = Path("docs/promises.md")
HEADS = ("| sentence", "| what", "| rule", "| institution", "| promise ")


def in_backticks(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)))


def functions(path: Path) -> set[str]:
    return {
        node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)
    } | {
        node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_tests_and_files_that_a_page_names_exist(page: Path) -> None:
    for named in in_backticks(page.read_text()):
        match = re.fullmatch(r"((?:tests|docs|tools|bench|src)/[\w./-]+)(?:::(\w+))?", named)
        if match is None or named.endswith("/"):
            continue
        path = Path(match[1])
        assert path.exists(), f"{page}: {named}"
        if match[2]:
            assert match[2] in functions(path), f"{page}: {named}"


def commands(parser: argparse.ArgumentParser) -> set[str]:
    found: set[str] = set()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= set(action.choices)
    return found


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_commands_that_a_page_names_exist(page: Path) -> None:
    known = commands(build_parser())
    text = page.read_text()
    for command in re.findall(r"(?:`|^|bin/)wicketgate (?!promise v1)([a-z]+)", text, re.MULTILINE):
        assert command in known, f"{page}: wicketgate {command}"
    targets = set(re.findall(r"^([a-z-]+):", Path("Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE):
        assert target in targets, f"{page}: make {target}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_paths_that_a_page_names_are_routes(page: Path) -> None:
    known = [re.sub(r"{\w+}", "*", path) for path in OPENAPI["paths"]]
    for named in in_backticks(page.read_text()):
        match = re.fullmatch(
            r"(?:(?:GET|PUT|POST) )?(/(?:v1|log|authorities)/[^\s?]*|/[a-z]+(?:\.json)?)(\?.*)?", named
        )
        if match is None:
            continue
        path = re.sub(r"{[^}]*}|\bNAME/VERSION|…|HASH", "*", match[1])
        pattern = re.escape(path).replace(r"\*", r".*")
        assert any(re.fullmatch(pattern, one) for one in known), f"{page}: {named}"


def test_the_metrics_that_the_operator_watches_are_given() -> None:
    sources = (Path(f"src/wicketgate/http/{name}.py").read_text() for name in ("metrics", "alert_metrics"))
    given = {name for source in sources for name in re.findall(r'"(wicketgate_\w+)"', source)}
    text = Path("docs/operator.md").read_text()
    for name in re.findall(r"`(wicketgate_\w+)`", text):
        assert name.removesuffix("_total") in given


def test_the_settings_of_the_template_are_explained() -> None:
    text = Path("docs/operator.md").read_text()
    for name in re.findall(r"^(?:# )?([a-z_]+) = ", TEMPLATE, re.MULTILINE):
        assert f"`{name}`" in text, name


# --- promises -----------------------------------------------------------------------------------------------------


def promised() -> Iterator[tuple[str, str, str]]:
    for line in PROMISES.read_text().splitlines():
        if line.startswith("| ") and not line.startswith(HEADS):
            what, source, answer = line.strip("| ").split(" | ", 2)
            yield what, source, answer


def test_every_promise_has_a_source_and_an_answer() -> None:
    lines = list(promised())
    assert len(lines) > 90
    for what, source, answer in lines:
        assert re.search(r"\[[a-z]", source) or "](" in source, what
        shown = in_backticks(answer) or "](" in answer
        assert shown or "not built" in answer.lower(), what


def test_what_is_not_there_says_so_in_the_same_words() -> None:
    for what, _, answer in promised():
        assert "not yet" not in answer.lower(), what
        assert "not built" not in re.sub(r"\*\*[Nn]ot built\*\*", "", answer).lower(), what


@pytest.mark.parametrize(
    ("mark", "sentences"),
    [
        (
            "itpro-2007",
            [
                "real-time, bulk licence plate data",
                "all images collected",
                "linking the cars to their drivers",
                "no decision has yet been made",
                "robust regulatory framework",
                "public openness",
                "third parties",
                "other crime fighting purposes",
                "wider consultation",
                "a necessary tool",
                "exemption from the data privacy act",
                "not more standard criminals",
                "specifically for terrorism intelligence purposes",
                "function-creep",
            ],
        ),
        (
            "guardian-2007",
            [
                "clashed",
                "legislation this autumn",
                "store every passing numberplate",
                "all crime fighting purposes",
                "concerns about privacy",
                "local road pricing",
                "due to double",
                "out of proportion",
                "used for other outcomes",
                "waived Data Protection Act safeguards",
                "in and around the capital",
                "special certificate",
            ],
        ),
        (
            "guardian-copies",
            [
                "daily journeys",
                "road pricing cameras",
                "across the country",
                "inadvertently disclosed",
                "surprise",
                "Trojan horse",
            ],
        ),
    ],
)
def test_each_sentence_of_the_two_reports_has_its_line(mark: str, sentences: list[str]) -> None:
    lines = [what for what, source, _ in promised() if f"[{mark}]" in source]
    for sentence in sentences:
        assert any(sentence in what for what in lines), sentence


@pytest.mark.parametrize(
    ("sentence", "vector", "code"),
    [
        ("linking the cars to their drivers", "authority-keeper", "unsupported"),
        ("across the country", "authority-no-sources", "malformed"),
        ("due to double", "cameras-that-joined-beyond-the-growth", "widening"),
        ("third parties", "widening-by-another-source", "widening"),
        ("wider consultation", "decision-by-the-beneficiary-alone", "not-entitled"),
        ("have clashed", "decision-with-an-objection-unanswered", "objection-unanswered"),
        ("inadvertently disclosed", "decision-on-nothing", "unknown-consultation"),
    ],
)
def test_what_a_line_says_is_refused_is_refused(sentence: str, vector: str, code: str) -> None:
    path = f"tests/vectors/documents/{vector}.json"
    assert any(sentence in what and f"`{path}`" in answer for what, _, answer in promised())
    assert json.loads(Path(path).read_text())["code"] == code


@pytest.mark.parametrize(
    "words",
    [
        "certificate",
        "annual report",
        "review after three months",
        "public openness",
        "lines of accountability",
        "wider consultation",
        "automatic and permanent bulk transfer",
        "Onward disclosure",
        "chief officer",
        "without a term",
        "Image categories",
        "richer data",
        "Access by age",
        "s.62",
        "California",
        "New Hampshire",
        "Nlets",
        "Subject access",
        "misreads",
        "Cloned plates",
        "Sheffield",
        "16 hits",
        "524 days",
        "250 agencies",
        "vague",
        "audit columns",
        "redacted",
        "Purpose drift",
    ],
)
def test_each_fact_of_london_and_after_has_its_line(words: str) -> None:
    assert any(words in what for what, *_ in promised()) or any(
        words in source for _, source, _ in promised()
    )


# --- code in the documents ----------------------------------------------------------------------------------------


def test_the_overseers_script_builds_the_roots_of_the_gateway() -> None:
    text = Path("docs/overseer.md").read_text()
    found = re.search(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    script: dict[str, object] = {"__name__": "check_openings"}
    exec(compile(found[1], "docs/overseer.md", "exec"), script)  # noqa: S102 - the document's own code
    root_of, canonical, leaf_hash = script["root_of"], script["canonical"], script["leaf_hash"]
    assert callable(root_of)
    assert callable(canonical)
    assert callable(leaf_hash)
    assert leaf_hash(b"x") == merkle.leaf_hash(b"x")
    for number in (0, 1, 3, 256, 300):
        bodies = [{"commit": n, "rows": n, "authority": "é@1"} for n in range(number)]
        facts = [fact("release", body, bytes(16)) for body in bodies]
        again = [canonical({"kind": "release", **body, "salt": "00" * 16}) for body in bodies]
        assert again == facts
        assert root_of(facts, b"s" * 32) == SecondTree(facts, b"s" * 32).root


def test_the_overseers_python_opens_what_the_gateway_sealed() -> None:
    text = Path("docs/overseer.md").read_text()
    source = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[1]
    script: dict[str, object] = {}
    exec(compile(source, "docs/overseer.md", "exec"), script)  # noqa: S102 - the document's own code
    open_line, root_of = script["open_line"], script["root_of"]
    assert callable(open_line)
    assert callable(root_of)
    facts = [fact("release", {"commit": n, "rows": n, "authority": "é@1"}, bytes(16)) for n in range(3)]
    second = {"facts": [json.loads(one) for one in facts], "seed": "73" * 32}
    identity, key = new_identity()
    sealed = base64.b64encode(seal(json.dumps(second).encode(), [key])).decode()
    assert open_line(json.dumps({"number": 1, "sealed": sealed}), identity) == second
    assert root_of(second) == SecondTree(facts, b"s" * 32).root


# --- the checker itself -------------------------------------------------------------------------------------------


def test_links_that_lead_nowhere_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_docs, "ROOT", tmp_path)
    (tmp_path / "there.md").write_text("# A heading, with `code`\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](there.md) [b](there.md#a-heading-with-code) [c](missing.md) [d](there.md#no) [e](https://x.example/)\n"
        "```\n[f](in-a-fence.md)\n```\n"
    )
    assert list(check_docs.broken_links(page)) == [
        "page.md: `missing.md` leads nowhere",
        "page.md: `there.md#no` has no such heading",
    ]


ROW = '| <a id="{0}"></a>{0} | A publisher | 1 May 2007 | a fact | excerpt | {1} |\n'


def test_marks_lead_to_rows_and_rows_are_used() -> None:
    sources = ROW.format("used", "<https://example.org/a>, <https://example.org/b>") + ROW.format(
        "told", "not recorded"
    )
    page = 'So it was [used] [told]; `a[0]`, [a link](x.md), **[legal]**, "[…]".\n\n'
    good = page + "[used]: sources.md#used\n[told]: sources.md#told\n"
    assert list(check_docs.marks({"docs/sources.md": sources, "docs/a.md": good})) == []
    assert list(check_docs.marks({"docs/sources.md": sources, "docs/spec/a.md": good})) == [
        "docs/spec/a.md: `[told]` leads nowhere: end the page with `[told]: ../sources.md#told`",
        "docs/spec/a.md: `[used]` leads nowhere: end the page with `[used]: ../sources.md#used`",
    ]
    assert list(check_docs.marks({"docs/sources.md": sources, "docs/a.md": page})) == [
        "docs/a.md: `[told]` leads nowhere: end the page with `[told]: sources.md#told`",
        "docs/a.md: `[used]` leads nowhere: end the page with `[used]: sources.md#used`",
    ]


@pytest.mark.parametrize("mark", ["S", "2°", "S/2°", "R", "guardian-2008", "MQTT-3.1.4-2"])
def test_a_mark_without_a_row_is_found(mark: str) -> None:
    found = list(check_docs.marks({"docs/sources.md": "", "README.md": f"So it was [{mark}].\n"}))
    assert found == [f"README.md: `[{mark}]` has no row in docs/sources.md"]


def test_rows_that_nobody_uses_and_definitions_that_nobody_uses_are_found() -> None:
    sources = ROW.format("unused", "not recorded") + "As in [unused].\n\n[unused]: #unused\n"
    assert list(
        check_docs.marks({"docs/sources.md": sources, "a.md": "\n[unused]: docs/sources.md#unused\n"})
    ) == [
        "a.md: `[unused]` is defined and not used",
        "docs/sources.md: no page uses `unused`",
    ]


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (ROW.format("a", "example.org"), "`a` has neither an address nor the words `not recorded`"),
        (ROW.format("a", "<ftp://example.org>"), "`a` has neither an address nor the words `not recorded`"),
        (
            ROW.format("a", " "),
            "`a` does not say mark, publisher, date, what is taken, how it was read, address",
        ),
        (ROW.format("a", "not recorded").replace("| excerpt ", ""), "`a` does not say mark, publisher"),
        (ROW.format("a", "not recorded").replace("</a>a", "</a>b"), "`a` is shown as `b`"),
        (ROW.format("a", "not recorded") * 2, "`a` has two rows"),
    ],
)
def test_a_row_that_says_too_little_is_found(row: str, wrong: str) -> None:
    found = list(check_docs.faults_of_rows(row))
    assert len(found) == 1
    assert found[0].startswith(f"docs/sources.md: {wrong}")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("see FA" + "CTS.md", True),
        ("measured (ENGI" + "NES)", True),
        ("as DES" + "IGN asks", True),
        ("the design asks, the facts say; DESIGNATION", False),
    ],
)
def test_files_that_no_reader_has_are_found(text: str, wrong: bool) -> None:
    assert bool(list(check_docs.outside_files("page.md", text))) == wrong


def test_decision_records_have_numbers_of_their_own() -> None:
    assert list(check_docs.decision_numbers(["0001-a.md", "0002-b.md"])) == []
    assert list(check_docs.decision_numbers(["0001-a.md", "0001-b.md", "notes.md"])) == [
        "docs/decisions/0001-b.md: its number is that of 0001-a.md",
        "docs/decisions/notes.md: is not named NNNN-words.md",
    ]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("see /wo" + "rk/main", True),
        ("in /ho" + "me/somebody/x", True),
        ("https://files.python" + "hosted.org/x", True),
        ("--index-url https://py" + "pi.org/simple", True),
        ("file://" + "/somewhere", True),
        ("https://example.org/home/page", False),
        ("src/work/x", False),
        ("/v1/reads and /log/key", False),
    ],
)
def test_places_of_one_machine_are_found(text: str, wrong: bool) -> None:
    assert bool(list(check_docs.foreign_places("page.md", text))) == wrong


def test_codes_are_found_where_they_are_given() -> None:
    source = (
        "class A(E):\n    code = 'of-a-class'\n"
        "raise E('x', code='of-a-call')\n"
        "refuse(1, row, 'of-a-read', 'words')\n"
        "problem('of-a-problem', 'words')\n"
        "f(code=variable)\n"
    )
    assert check_docs.codes_in(source) == {"of-a-class", "of-a-call", "of-a-read", "of-a-problem"}


def test_the_repository_as_it_is_has_no_faults() -> None:
    assert check_docs.faults() == []
