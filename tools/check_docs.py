"""Checks the documents against the tree; `make check` runs it.

python tools/check_docs.py            report what is wrong, exit with 1 if anything is
python tools/check_docs.py --write    write docs/spec/codes.md and the table of docs/spec/retention.md first
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

from wicketgate.gate import terms
from wicketgate.http import codes
from wicketgate.reads.plates import PlateFault
from wicketgate.regime import ending

ROOT = Path(__file__).resolve().parent.parent
CODES_PAGE = ROOT / "docs" / "spec" / "codes.md"
KEPT_PAGE = ROOT / "docs" / "spec" / "retention.md"
_KEPT = re.compile(
    r"(?<=<!-- what is kept, made of regime/ending.py -->\n).*?(?=<!-- the end of what is kept -->)",
    re.DOTALL,
)
SOURCES = "docs/sources.md"
README_LINES = 150

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)
# In pieces, so that this file does not hold what it looks for.
_FOLDERS = "|".join(("work", "home", "root", "Users", "opt"))
_HOSTS = "|".join(("pypi" r"\.org", "python" r"hosted\.org", "npm" r"js\.org", r"proxy\.go" r"lang\.org"))
_FOREIGN = re.compile(rf"(?<![\w./}}~-])/(?:{_FOLDERS})/\w|(?:{_HOSTS})|file:" "///")
_CODE = re.compile(r"[a-z]+(-[a-z]+)*")
_DEFINITION = re.compile(r"^\[([^\]\n]+)\]: (\S+)$", re.MULTILINE)
_MARK = re.compile(r"\[([^\]\s]*\w[^\]\s]*)\](?![(\[])")
_NO_MARKS = {"legal"}
"""Words in brackets that name no source: what a change of legal effect is marked with."""
_ROW = re.compile(r'^\| <a id="([^"]*)"></a>(.*) \|$', re.MULTILINE)
_CELLS = ("mark", "publisher", "date", "what is taken", "how it was read", "address")
_NOT_RECORDED = "not recorded"
# In pieces, as above: names of what lies outside the repository, where no reader can follow.
_OUTSIDE_NAMES = "|".join(("FA" r"CTS", "DES" r"IGN", "ENGI" r"NES", "OPEN" r"NESS", "STY" r"LE"))
_OUTSIDE = re.compile(rf"\b(?:{_OUTSIDE_NAMES})(?:\.md)?\b")


def tracked() -> list[Path]:
    """Return the files of the repository that are, or would be, under version control."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive: everything but what tools leave
        listed = [
            name
            for name in (str(path.relative_to(ROOT)) for path in ROOT.rglob("*"))
            if not re.search(r"(^|/)(\.(?!ci/|importlinter|gitignore)|__pycache__|demo/)|\.egg-info", name)
        ]
    return [ROOT / name for name in sorted(set(listed)) if name and (ROOT / name).is_file()]


def anchors(markdown: str) -> set[str]:
    """Return the anchors of a page's headings, as forges make them."""
    found = set()
    for heading in _HEADING.findall(_FENCE.sub("", markdown)):
        words = re.sub(r"[^\w\s-]", "", heading.replace("`", "").lower())
        found.add(re.sub(r"\s", "-", words.strip()))
    return found


def broken_links(page: Path) -> Iterator[str]:
    """Yield the relative links of a page that lead nowhere."""
    text = _FENCE.sub("", page.read_text())
    for target in _LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = page if not path else (page.parent / path).resolve()
        if not there.exists():
            yield f"{page.relative_to(ROOT)}: `{target}` leads nowhere"
        elif anchor and there.suffix == ".md" and anchor not in anchors(there.read_text()):
            yield f"{page.relative_to(ROOT)}: `{target}` has no such heading"


def without_code(markdown: str) -> str:
    """Return a page without its fences and code spans."""
    return re.sub(r"`[^`\n]*`", "", _FENCE.sub("", markdown))


def source_rows(markdown: str) -> dict[str, list[str]]:
    """Return the cells of each row of the page of sources, by its anchor."""
    return {anchor: rest.split(" | ") for anchor, rest in _ROW.findall(markdown)}


def faults_of_rows(markdown: str) -> Iterator[str]:
    """Yield what is wrong with the rows of the page of sources."""
    anchors_seen: set[str] = set()
    for anchor, rest in _ROW.findall(markdown):
        cells = rest.split(" | ")
        if anchor in anchors_seen:
            yield f"{SOURCES}: `{anchor}` has two rows"
        anchors_seen.add(anchor)
        if len(cells) != len(_CELLS) or not all(cell.strip() for cell in cells):
            yield f"{SOURCES}: `{anchor}` does not say {', '.join(_CELLS)}"
            continue
        if cells[0] != anchor:
            yield f"{SOURCES}: `{anchor}` is shown as `{cells[0]}`"
        if cells[-1] != _NOT_RECORDED and not re.fullmatch(
            r"<https?://[^>]+>(, <https?://[^>]+>)*", cells[-1]
        ):
            yield f"{SOURCES}: `{anchor}` has neither an address nor the words `{_NOT_RECORDED}`"


def marks(pages: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the marks of pages, by path, and with the rows that they lead to.

    A mark is one word in brackets. The definition at its page's end makes it a link to the row.
    """
    rows = source_rows(pages.get(SOURCES, ""))
    yield from faults_of_rows(pages.get(SOURCES, ""))
    used_somewhere: set[str] = set()
    for name, markdown in pages.items():
        text = without_code(markdown)
        defined = dict(_DEFINITION.findall(text))
        used = set(_MARK.findall(_DEFINITION.sub("", text))) - _NO_MARKS
        if name != SOURCES:
            used_somewhere |= used
        page_of_sources = os.path.relpath(SOURCES, Path(name).parent)
        for mark in sorted(used - rows.keys()):
            yield f"{name}: `[{mark}]` has no row in {SOURCES}"
        for mark in sorted(used & rows.keys()):
            target = f"#{mark}" if name == SOURCES else f"{page_of_sources}#{mark}"
            if defined.get(mark) != target:
                yield f"{name}: `[{mark}]` leads nowhere: end the page with `[{mark}]: {target}`"
        for mark in sorted(defined.keys() - used):
            yield f"{name}: `[{mark}]` is defined and not used"
    for mark in sorted(rows.keys() - used_somewhere):
        yield f"{SOURCES}: no page uses `{mark}`"


def outside_files(name: str, text: str) -> Iterator[str]:
    """Yield the lines that cite a file which is not in the repository."""
    for number, line in enumerate(text.splitlines(), 1):
        found = _OUTSIDE.search(line)
        if found:
            yield f"{name}:{number}: cites `{found[0]}`, which no reader has"


def decision_numbers(names: list[str]) -> Iterator[str]:
    """Yield what is wrong with the numbers of decision records."""
    taken: dict[str, str] = {}
    for name in names:
        number = re.match(r"(\d{4})-[a-z0-9-]+\.md$", name)
        if number is None:
            yield f"docs/decisions/{name}: is not named NNNN-words.md"
        elif number[1] in taken:
            yield f"docs/decisions/{name}: its number is that of {taken[number[1]]}"
        else:
            taken[number[1]] = name


def foreign_places(name: str, text: str) -> Iterator[str]:
    """Yield the lines that name a folder of somebody's machine or a package registry."""
    for number, line in enumerate(text.splitlines(), 1):
        found = _FOREIGN.search(line)
        if found:
            yield f"{name}:{number}: names `{found[0]}`"


def codes_in(source: str) -> set[str]:
    """Return the codes that a module gives: `code=…`, `code = …` of a class, `refuse(…)`, `problem(…)`, `_Fault(…)`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        values: list[ast.expr] = []
        if isinstance(node, ast.Call):
            values += [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            values += {"problem": node.args[:1], "refuse": node.args[2:3], "_Fault": node.args[:1]}.get(
                name, []
            )
        elif isinstance(node, ast.ClassDef):
            values += [
                item.value
                for item in node.body
                if isinstance(item, ast.Assign)
                and any(isinstance(target, ast.Name) and target.id == "code" for target in item.targets)
            ]
        for value in values:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found.add(value.value)
    return {code for code in found if _CODE.fullmatch(code)}


def given_codes() -> set[str]:
    """Return every code that the program gives."""
    found = {fault.value for fault in PlateFault} | set(get_args(terms.Reason))
    for path in (ROOT / "src").rglob("*.py"):
        found |= codes_in(path.read_text())
    return found


def faults() -> list[str]:
    """Return everything that is wrong."""
    files = tracked()
    found: list[str] = []
    for page in (path for path in files if path.suffix == ".md"):
        found += broken_links(page)
    pages = {str(path.relative_to(ROOT)): path.read_text() for path in files if path.suffix == ".md"}
    found += marks(pages)
    lines = len((ROOT / "README.md").read_text().splitlines())
    if lines > README_LINES:
        found.append(f"README.md: {lines} lines of at most {README_LINES}")
    found += decision_numbers(sorted(path.name for path in (ROOT / "docs" / "decisions").iterdir()))
    for path in files:
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += foreign_places(str(path.relative_to(ROOT)), text)
        found += outside_files(str(path.relative_to(ROOT)), text)
    undocumented = given_codes() - {one.code for one in codes.ALL}
    found += [f"src/wicketgate/http/codes.py: `{code}` is not documented" for code in sorted(undocumented)]
    if not CODES_PAGE.exists() or CODES_PAGE.read_text() != codes.as_markdown():
        found.append("docs/spec/codes.md: is not what `python tools/check_docs.py --write` makes")
    if KEPT_PAGE.read_text() != with_kept(KEPT_PAGE.read_text()):
        found.append(
            "docs/spec/retention.md: its table is not what `python tools/check_docs.py --write` makes"
        )
    return found


def with_kept(page: str) -> str:
    """Return the page of retention with the table of what is kept as the code has it."""
    return _KEPT.sub(lambda _: f"\n{ending.as_markdown()}\n\n", page, count=1)


def main(arguments: list[str]) -> int:
    """Check; return the exit code."""
    if arguments == ["--write"]:
        CODES_PAGE.write_text(codes.as_markdown())
        KEPT_PAGE.write_text(with_kept(KEPT_PAGE.read_text()))
    elif arguments:
        print(__doc__)
        return 2
    found = faults()
    for line in found:
        print(line)
    print(f"documents: {len(found)} faults" if found else "documents: nothing wrong")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
