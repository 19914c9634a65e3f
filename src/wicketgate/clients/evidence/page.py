"""The page of an evidence pack, form 1: plain HTML for a screen and for paper. Pure.

It is made from what was proved and from nothing else, and whoever checks a pack makes it again: a page that says more,
or something else, is found. So what this file writes never changes; another page is another form beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import islice
from typing import Any

from wicketgate.clients.evidence.proved import DocumentProved, FactProved, PackEvidence, RowProved

_MOST_ROWS = 500
"""Rows of an answer on the page; all of them are in its member."""

_STYLE = """
body{font:16px/1.5 Arial,Helvetica,sans-serif;color:#0b0c0c;background:#fff;margin:0 auto;max-width:960px;padding:16px}
h1{font-size:28px;line-height:1.2;margin:8px 0 4px;overflow-wrap:anywhere}
h2{font-size:21px;margin:32px 0 8px;border-top:2px solid #0b0c0c;padding-top:8px}
h3{font-size:17px;margin:20px 0 4px}
p{margin:8px 0;max-width:70ch}
table{border-collapse:collapse;width:100%;margin:8px 0 16px}
caption{text-align:left;font-weight:bold;padding:4px 0}
th,td{border-bottom:1px solid #b1b4b6;padding:6px 10px 6px 0;text-align:left;vertical-align:top;overflow-wrap:anywhere}
th[scope=row]{width:34%;font-weight:bold}
.plate{font:bold 22px/1.3 "Courier New",Courier,monospace;letter-spacing:1px}
code{font:14px/1.4 "Courier New",Courier,monospace;overflow-wrap:anywhere}
figure{margin:12px 0;break-inside:avoid}
img{max-width:100%;height:auto;border:1px solid #505a5f}
figcaption{font-size:14px;color:#505a5f;overflow-wrap:anywhere}
.note{border-left:4px solid #505a5f;padding-left:12px}
@media(max-width:500px){
body{padding:12px}
table.pairs,table.pairs tbody,table.pairs tr,table.pairs th,table.pairs td{display:block;width:auto}
table.pairs th{border:0;padding-bottom:0}
table.pairs caption{display:block}
.wide{overflow-x:auto}
.wide table{min-width:600px}
}
@media print{
body{max-width:none;padding:0;font-size:11pt}
h2{break-after:avoid}tr{break-inside:avoid}
@page{margin:18mm}
}
"""

_MODES = {
    "match": "vehicles on a list alone",
    "search": "answers to approved questions",
    "unlisted": "vehicles on none of its lists",
    "bulk": "every read in its scope",
}
_FACTS = {
    "hit": "The hit was raised",
    "outcome": "It was said what came of it",
    "search-asked": "The question was put",
    "search-counted": "Vehicles were counted",
    "search-approved": "It was approved",
    "search-refused": "It was refused",
    "search-run": "It was run",
    "search-unapproved": "An emergency that nobody approved in time",
    "answer-ended": "The answer ended",
    "erratum": "A row was found to be wrong",
}
_LOOKS = {
    "hit": "looked at the hit",
    "hits": "was shown the hit in a list",
    "evidence": "asked for an evidence pack",
}
_READ = {
    "plate": "Plate, as it was read",
    "confidence": "How sure the camera was, 0 to 1",
    "marks": "Marks",
    "source": "Whose camera",
    "camera": "Camera",
    "camera_name": "Name of the camera",
    "position": "Position of the camera, latitude and longitude",
    "lane": "Lane",
    "direction": "Direction",
    "vehicle": "Vehicle, as the camera saw it",
}


def render_page(evidence: PackEvidence) -> bytes:
    """Return the page of what a pack proves."""
    title = f"Evidence of {'a hit' if evidence.kind == 'hit' else 'an answer'}: {evidence.id}"
    parts = [
        "<!DOCTYPE html>\n",
        '<html lang="en-GB"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head>\n<body><main>\n",
        f"<h1>{_text(title)}</h1>\n",
        *_beginning(evidence),
        *(_hit(evidence) if evidence.kind == "hit" else _answer(evidence)),
        *_authority(evidence),
        *_happened(evidence),
        *_looked(evidence),
        *_proof(evidence),
        "</main></body></html>\n",
    ]
    return "".join(parts).encode()


def _beginning(evidence: PackEvidence) -> Iterator[str]:
    made = evidence.made
    by = (
        ""
        if made is None
        else f", asked for by {_who(made.fact['by'])} in the second of {_time(made.second)}"
    )
    yield f"<p>From the log <code>{_text(evidence.origin)}</code>{by}.</p>\n"
    yield (
        '<p class="note">This page says what the files beside it prove, and nothing else. It proves nothing by itself: '
        "<code>wicketgate verify --evidence</code> checks all of it without a network (<code>how-to-check.txt</code>). "
        "All times are UTC. A hit is a reason to look, and never by itself a reason to suspect anybody.</p>\n"
    )


# --- a hit ------------------------------------------------------------------------------------------------


def _hit(evidence: PackEvidence) -> Iterator[str]:
    if not evidence.rows:
        return
    first = evidence.rows[0]
    yield "<h2>What was read</h2>\n"
    yield _pairs("The read, as it was released", _read(first.row["read"]))
    hit = first.row.get("hit", {})
    said = [
        ("Entry of the list", _text(hit.get("voi", ""))),
        ("Why it is listed", _text(hit.get("kind", ""))),
        ("How the plate matched", _text(hit.get("quality", ""))),
        ("Priority, 1 is the most urgent", _text(hit.get("priority", ""))),
    ]
    if hit.get("clone"):
        said.append(("Journey", "No one vehicle can have made it: one of two plates may be false"))
    yield _pairs("The hit", said)
    yield from _images(evidence)
    yield "<h2>When: the times, told apart</h2>\n"
    yield _pairs("Times", list(_times(evidence, first)))


def _read(read: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for member, words in _READ.items():
        if member in read:
            shown = _text(_value(member, read[member]))
            found.append((words, f'<span class="plate">{shown}</span>' if member == "plate" else shown))
    return found


def _value(member: str, value: Any) -> str:
    if member == "position":
        return f"{value[1]}, {value[0]}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _times(evidence: PackEvidence, first: RowProved) -> Iterator[tuple[str, str]]:
    captured = first.row["read"].get("captured_at")
    if captured is not None:
        yield "Captured, by the camera's own clock", _time(captured)
    late = ", late: it was never a live hit" if first.row.get("late") else ""
    yield "Released to the unit, by the gateway's clock", _time(first.header["released_at"]) + late
    yield "The second of the log in which the release stands", _time(first.second)
    yield "Provable to everybody at the latest", _time(first.header["promise"]["merge_by"])
    for row in evidence.rows[1:]:
        yield "Released again, with an image that followed", _time(row.header["released_at"])
    if evidence.made is not None:
        yield "This pack was asked for", _time(evidence.made.second)


def _images(evidence: PackEvidence) -> Iterator[str]:
    if not evidence.images:
        yield "<p>The rows name no image.</p>\n"
        return
    kinds = {
        image["sha256"]: kind
        for row in evidence.rows
        for kind, image in (
            ("Plate", row.row["read"].get("patch_image")),
            ("Overview", row.row["read"].get("overview_image")),
        )
        if image is not None
    }
    for name in evidence.images:
        kind = kinds.get(name[7:71], "Image")
        yield (
            f'<figure><img src="{_text(name)}" alt="{kind} image of the read">'
            f"<figcaption>{kind} image, SHA-256 {_text(name[7:71])}</figcaption></figure>\n"
        )


# --- an answer --------------------------------------------------------------------------------------------


def _answer(evidence: PackEvidence) -> Iterator[str]:
    yield "<h2>What was asked</h2>\n"
    yield _pairs(
        "The question",
        [("Question", f"<code>{_text(evidence.question)}</code>"), ("Reason", _text(evidence.reason))],
    )
    yield "<h2>What was answered</h2>\n"
    if evidence.released:
        yield (
            "<p>The rows are out of the recipient's own custody of what left in bulk, with the numbers that they have "
            "in its feed. That each was released is proved by a file of its own (<code>rows/</code>).</p>\n"
        )
    rows = evidence.answer[:_MOST_ROWS]
    more = len(evidence.answer) - len(rows)
    yield f"<p>{len(evidence.answer)} rows{f', the first {len(rows)} of them here' if more else ''}. "
    yield "Capture times are by the cameras' own clocks.</p>\n"
    released = iter(evidence.released)
    body: list[tuple[str, ...]] = []
    for row in rows:
        read = row.get("read")
        if read is None:
            body.append((str(row["seq"]), "erased", "", ""))
            continue
        camera = read.get("camera_name", read.get("camera", ""))
        one = [
            str(row["seq"]),
            _time(read.get("captured_at", "")),
            _text(read.get("plate", "")),
            _text(camera),
        ]
        body.append(
            (*one, *(_time(released_at.header["released_at"]) for released_at in islice(released, 1)))
        )
    heads = ("Row", "Captured", "Plate", "Camera", *(("Released",) if evidence.released else ()))
    yield _table("Rows", heads, body)


# --- what holds for both ----------------------------------------------------------------------------------


def _authority(evidence: PackEvidence) -> Iterator[str]:
    yield "<h2>Under which authority</h2>\n"
    names = _organisations(evidence.documents)
    for document in evidence.documents:
        if document.kind == "authority":
            yield from _version(document, names)
    acts = [one for one in evidence.documents if one.kind not in ("charter", "authority")]
    if acts:
        rows = [(_text(one.kind), _time(one.at), _signatures(one), _text(one.name)) for one in acts]
        yield _table("Acts on it", ("Act", "In the log", "Signed by", "File"), rows)
    charters = [one for one in evidence.documents if one.kind == "charter"]
    rows = [
        (_text(one.payload["charter"].get("title", "")), _time(one.at), _signatures(one), _text(one.name))
        for one in charters
    ]
    yield _table("The charters that say who must sign", ("Charter", "In the log", "Signed by", "File"), rows)


def _version(document: DocumentProved, names: Mapping[str, str]) -> Iterator[str]:
    said = document.payload["authority"]
    instrument = said.get("instrument", {})
    scope = document.payload.get("scope", {})
    recipient = f"{names.get(said.get('recipient', ''), said.get('recipient', ''))}, {said.get('unit', '')}"
    yield f"<h3>{_text(said.get('title', ''))}</h3>\n"
    yield _pairs(
        f"{said.get('name', '')}, version {said.get('version', '')}",
        [
            (
                "Who decides on the data",
                _text(names.get(said.get("controller", ""), said.get("controller", ""))),
            ),
            ("Who receives", _text(recipient)),
            ("What for", _text(said.get("purpose", ""))),
            ("What leaves", _text(_MODES.get(said.get("mode", ""), said.get("mode", "")))),
            ("Members of a read that it shows", _text(", ".join(scope.get("fields", ())))),
            ("Rests on", _text(f"{instrument.get('kind', '')}: {instrument.get('citation', '')}")),
            ("Valid", f"{_time(said.get('valid_from', ''))} until {_time(said.get('valid_until', ''))}"),
            ("Necessity", _text(said.get("necessity", ""))),
            ("Proportionality", _text(said.get("proportionality", ""))),
            ("In the log", f"{_time(document.at)}, entry {document.entry}, file {_text(document.name)}"),
            ("Signed by", _signatures(document)),
        ],
    )


def _organisations(documents: Sequence[DocumentProved]) -> dict[str, str]:
    found: dict[str, str] = {}
    for document in documents:
        listed = document.payload.get("organisations", ()) if document.kind == "charter" else ()
        found |= {one["id"]: one["name"] for one in listed if "id" in one and "name" in one}
    return found


def _signatures(document: DocumentProved) -> str:
    return "<br>".join(
        f"{_text(one.holder)}, {_text(one.title)} ({_text(one.office)}), key <code>{_text(one.key[:16])}</code>"
        for one in document.signed
    )


def _happened(evidence: PackEvidence) -> Iterator[str]:
    told = [one for one in evidence.facts if one.fact["kind"] in _FACTS]
    yield "<h2>What came of it</h2>\n"
    if not told:
        yield "<p>The pack holds no fact of it.</p>\n"
        return
    rows = [
        (_time(one.second), _text(_FACTS[one.fact["kind"]]), _detail(one), _text(one.name)) for one in told
    ]
    yield _table("Each in the second in which the log has it", ("When", "What", "Detail", "File"), rows)


def _detail(one: FactProved) -> str:
    fact = one.fact
    if fact["kind"] == "erratum":
        return "row " + ", ".join(str(int(row["corrects"])) for row in fact["rows"] if row.get("search"))
    words = []
    for member in ("outcome", "reason", "offence", "case", "vehicles", "rows", "office", "code"):
        if fact.get(member) not in (None, ""):
            words.append(f"{member} {_text(fact[member])}")
    if "by" in fact:
        words.append(f"by {_who(fact['by'])}")
    return "; ".join(words)


def _looked(evidence: PackEvidence) -> Iterator[str]:
    yield "<h2>Who looked</h2>\n"
    rows = [
        (_time(one.second), _who(one.fact["by"]), _text(_look(one.fact)), _text(one.name))
        for one in evidence.facts
        if one.fact["kind"] in ("look", "image-read", "images-read", "answer-read")
    ]
    if rows:
        yield _table("Every look that the gateway gave, in order", ("When", "Who", "What", "File"), rows)
    since = evidence.facts_from
    yield (
        "<p>Each is proved to be in the log. That none is missing the pack cannot prove: an overseer can, who opens "
        f"the log's facts. {_since(since)}A person stands here as the commitment that the log has of them; their "
        "organisation can say who they are.</p>\n"
    )


def _since(since: str | None) -> str:
    if since is None:
        return "The gateway does not say since when it keeps what proves looks. "
    return f"The gateway says that it keeps what proves looks since {_time(since)}. "


def _look(fact: Mapping[str, Any]) -> str:
    match fact["kind"]:
        case "look" if fact["what"] == "rows":
            return f"read batches {fact['from']} to {fact['to']} of the feed"
        case "look":
            return _LOOKS.get(fact["what"], str(fact["what"]))
        case "answer-read":
            form = f", as {fact['form']}" if fact.get("form") else ""
            return f"was shown {fact['rows']} rows behind row {fact['after']}{form}"
        case _:
            return "fetched an image"


def _proof(evidence: PackEvidence) -> Iterator[str]:
    yield "<h2>What it rests on</h2>\n"
    yield _pairs(
        "The log",
        [
            ("Its name", f"<code>{_text(evidence.origin)}</code>"),
            ("Its key", f"<code>{_text(evidence.key)}</code>"),
            ("Entries under the checkpoint", str(evidence.size)),
            ("Root of all of them", f"<code>{evidence.root}</code>"),
        ],
    )
    yield (
        "<p>Compare the key with one that you got another way: whoever made a false pack would have put a key of their "
        "own here.</p>\n"
    )


# --- HTML -------------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    return escape(str(value), quote=True)


def _time(text: str) -> str:
    return f'<time datetime="{_text(text)}">{_text(text.replace("T", " ").replace("Z", ""))}</time>'


def _who(by: str) -> str:
    kind, _, rest = by.partition(":")
    if kind == "person":
        return f"person <code>{_text(rest[:16])}</code>"
    return _text(by)


def _pairs(caption: str, pairs: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f'<tr><th scope="row">{_text(name)}</th><td>{value}</td></tr>' for name, value in pairs)
    return f'<table class="pairs"><caption>{_text(caption)}</caption><tbody>{rows}</tbody></table>\n'


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{_text(head)}</th>' for head in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="wide" role="region" aria-label="{_text(caption)}" tabindex="0"><table><caption>{_text(caption)}'
        f"</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>\n"
    )
