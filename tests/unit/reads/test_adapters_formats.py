"""XML, JSON and multipart as devices write them."""

from __future__ import annotations

import pytest

from tests.adapter_strategies import PATCH, form
from wicketgate.base.errors import InputError
from wicketgate.reads.adapters.json import read_json, small_names
from wicketgate.reads.adapters.multipart import MAX_PARTS, parts
from wicketgate.reads.adapters.xml import MAX_XML, at, every, read_xml
from wicketgate.reads.observations import Payload

XML = {
    "plain": (b"<a><b> c </b></a>", {"b": "c"}),
    "namespace": (b'<a xmlns="http://x/"><b>c</b></a>', {"b": "c"}),
    "prefixes": (
        b'<n:a xmlns:n="http://x/" xmlns:m="http://y/"><n:B>c</n:B><m:D/></n:a>',
        {"b": "c", "d": ""},
    ),
    "several of a name": (b"<a><b>1</b><b>2</b><b/></a>", {"b": ["1", "2", ""]}),
    "CDATA and references": (b"<a><b><![CDATA[<&]]>&amp;&#65;</b></a>", {"b": "<&&A"}),
    "comments before it": (b"\xef\xbb\xbf <!-- v1 --><a><b>c</b></a>\0\r\n", {"b": "c"}),
    "a name with a full stop": (b"<a><DeviceNo.>1</DeviceNo.></a>", {"deviceno.": "1"}),
    "Latin-1": ('<?xml version="1.0" encoding="ISO-8859-1"?><a><b>é</b></a>'.encode("latin-1"), {"b": "é"}),
    "GBK": ('<?xml version="1.0" encoding="GB2312"?><a><b>蓝</b></a>'.encode("gbk"), {"b": "蓝"}),
    "not the UTF-8 that it says": ("<a><n>北</n><b>c</b></a>".encode("gbk"), {"n": "��", "b": "c"}),
    "empty": (b"<a/>", {}),
    "a bare ampersand": (b"<a><n>Gate A & B</n><b>c</b></a>", {"n": "Gate A & B", "b": "c"}),
    "an entity that nobody declared": (b"<a><b>x&nbsp;y</b></a>", {"b": "x&nbsp;y"}),
    "an ampersand beside CDATA": (
        b"<a><n>1 & 2</n><b><![CDATA[3 & 4]]></b></a>",
        {"n": "1 & 2", "b": "3 & 4"},
    ),
    "control characters": (b"<a><n>\x01\x0bn</n><b>c&#0;d&#x1f;</b></a>", {"n": "n", "b": "cd"}),
    "a NUL": (b"<a><b>c\0</b></a>", {"b": "c"}),
    "UTF-16": ('<?xml version="1.0" encoding="UTF-16"?><a><b>é</b></a>'.encode("utf-16"), {"b": "é"}),
    "UTF-16 without a mark": ('<?xml version="1.0"?><a><b>é</b></a>'.encode("utf-16-le"), {"b": "é"}),
    "UTF-8 that says UTF-16": ('<?xml version="1.0" encoding="utf-16"?><a><b>é</b></a>'.encode(), {"b": "é"}),
    "UTF-8 that says GBK": ('<?xml version="1.0" encoding="gb2312"?><a><b>é</b></a>'.encode(), {"b": "é"}),
    "an encoding that nobody knows": (b'<?xml version="1.0" encoding="UTF-7"?><a><b>c</b></a>', {"b": "c"}),
    "a prefix that is bound to nothing": (b'<n:a><n:b x:c="1">d</n:b></n:a>', {"b": "d"}),
    "what stands behind it": (b"<a><b>c</b></a>--boundary", {"b": "c"}),
}

NO_XML = {
    "nothing": b"",
    "words": b"plate",
    "not closed": b"<a><b></a>",
    "two roots": b"<a/><a/>",
    "entities": b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    "entities that grow": b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]><a>&d;</a>',
    "an external document type": b'<!DOCTYPE a SYSTEM "http://x/"><a/>',
    "a document type that a control character parted": b'<!DOC\x01TYPE a [<!ENTITY b "c">]><a>&b;</a>',
    "a document type in UTF-16": '<?xml version="1.0"?><!DOCTYPE a SYSTEM "x"><a/>'.encode("utf-16"),
    "a document type that a NUL parted": b"<!DOC\0TYPE a SYSTEM 'x'><a/>",
    "cut off in a value": b"<a><b>AB12",
    "closed by another name": b"<a><b>AB12CDE</c></a>",
    "too deep": b"<a>" * 60 + b"</a>" * 60,
    "too many elements": b"<a>" + b"<b/>" * 50_000 + b"</a>",
    "too many attributes": b"<a " + b" ".join(b'a%d = "1"' % n for n in range(50_000)) + b"/>",
    "too many references": b"<a>" + b"&#65;" * 50_000 + b"</a>",
    "too many lines": b"<a>" + b"\n\r" * 150_000 + b"</a>",
    "too large": b"<a>" + b"<b>%b</b>" % (b"c" * 4000) * (MAX_XML // 4000) + b"</a>",
    "an attribute of megabytes": b'<a b="' + b"c" * (MAX_XML + 1) + b'"/>',
}


@pytest.mark.parametrize(("data", "expected"), XML.values(), ids=XML)
def test_xml(data: bytes, expected: dict[str, object]) -> None:
    assert read_xml(data)[1] == expected


@pytest.mark.parametrize("data", NO_XML.values(), ids=NO_XML)
def test_xml_that_is_not_taken(data: bytes) -> None:
    with pytest.raises(InputError):
        read_xml(data)


def test_images_are_not_counted() -> None:
    assert len(read_xml(b"<a><b>" + b"c" * (MAX_XML + 1) + b"</b></a>")[1]["b"]) == MAX_XML + 1


def test_paths() -> None:
    tree = {"a": [{"b": "1"}, {"b": "2"}], "c": "d", "e": []}
    assert (at(tree, "a", "b"), at(tree, "c", "b"), at(tree, "x"), at(tree, "e"), at(None, "a")) == (
        *("1", None, None, None),
        None,
    )
    assert every(tree, "a") == [{"b": "1"}, {"b": "2"}]
    assert (every(tree, "c"), every(tree, "a", "b"), every(tree, "x", "y"), every("z", "y")) == (
        *(["d"], ["1"], []),
        [],
    )


def test_json() -> None:
    assert read_json(b'\xef\xbb\xbf{"A": 1}\0') == {"A": 1}
    assert small_names({"ANPR": [{"aB": 1}], "anpr": 2}) == {"anpr": [{"ab": 1}]}
    for body in (b"", b"{", b"\xff", b"[" * 100_000, b'{"a": NaN}'):
        with pytest.raises(InputError):
            read_json(body)
    deep: object = 1
    for _ in range(40):
        deep = [deep]
    with pytest.raises(InputError):
        small_names(deep)


SENT = [("anpr.xml", "anpr.xml", "text/xml; charset=UTF-8", b"<a/>"), ("b", "x/P.jpg", "image/pjpeg", PATCH)]


@pytest.mark.parametrize("eol", [b"\r\n", b"\n"])
@pytest.mark.parametrize(
    "content_type", ["multipart/form-data; boundary=boundary", "multipart/mixed", "", "é"]
)
def test_multipart(eol: bytes, content_type: str) -> None:
    first, second = parts(Payload(content_type=content_type, body=form(SENT, eol=eol).body))
    assert (first.labels, first.media_type, first.data) == (("anpr.xml",), "text/xml", b"<a/>")
    assert (second.labels, second.media_type, second.data) == (("p.jpg", "b"), "image/pjpeg", PATCH)


def test_multipart_with_another_boundary_than_it_says_and_what_stands_before_it() -> None:
    payload = form(SENT)
    assert len(parts(Payload(content_type="multipart/form-data; boundary=other", body=payload.body))) == 2
    assert len(parts(Payload(content_type=payload.content_type, body=b"before\r\n" + payload.body))) == 2
    assert len(parts(Payload(content_type='multipart/mixed; boundary="boundary"', body=payload.body))) == 2


def test_multipart_that_is_not_closed() -> None:
    payload = form(SENT)
    body = payload.body.removesuffix(b"\r\n--boundary--\r\n")
    assert [part.data for part in parts(Payload(content_type=payload.content_type, body=body))] == [
        b"<a/>",
        PATCH,
    ]


def test_content_id() -> None:
    body = b"--b\r\nContent-Type: image/jpeg\r\nContent-ID: <licensePlatePicture>\r\n\r\nx\r\n--b--\r\n"
    (part,) = parts(Payload(content_type="multipart/form-data; boundary=b", body=body))
    assert part.labels == ("licenseplatepicture",)


def test_a_body_that_is_not_multipart_is_its_only_part() -> None:
    (part,) = parts(Payload(content_type="Application/JSON; charset=utf-8", body=b"{}"))
    assert (part.labels, part.media_type, part.data) == ((), "application/json", b"{}")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing",
        b"--boundary",
        b"--boundary\r\nno end of headers",
        b"--boundaryX\r\n\r\n\r\n",
        b"--boundary\r\n" + b"a" * 5000 + b"\r\n\r\n",
    ],
)
def test_multipart_that_cannot_be_read(body: bytes) -> None:
    with pytest.raises(InputError):
        parts(Payload(content_type="multipart/form-data; boundary=boundary", body=body))


def test_too_many_parts() -> None:
    with pytest.raises(InputError):
        parts(form([("a", "", "text/plain", b"")] * (MAX_PARTS + 1)))
    assert len(parts(form([("a", "", "text/plain", b"")] * MAX_PARTS))) == MAX_PARTS
