"""The way out to a back office of the UK police form: each row of a feed as a `sendCapture` call.

A batch is posted before it is kept. A crash between the two posts it again: the office gets each row at least once.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from wicketgate.base.errors import ConfigurationError, Unreachable, VerificationError
from wicketgate.base.stream_urls import is_loopback
from wicketgate.clients.recipient.flat_rows import flat
from wicketgate.clients.recipient.receive import Received
from wicketgate.clients.recipient.sinks import CsvSink

_TIMEOUT_S: Final = 20.0
_LARGEST: Final = 64 * 1024
_COLUMNS: Final = ("camera", "feed", "source", "number")
_RETURN: Final = re.compile(r"<(?:\w+:)?sendCaptureReturn[^>]*?(?:/>|>([^<]*)<)")


class Bof2Camera(NamedTuple):
    """The three numbers by which a back office knows a camera."""

    feed: int
    source: int
    number: int


def bof2_cameras(path: Path) -> Mapping[str, Bof2Camera]:
    """Return the cameras of a back office by `source/camera`, from a table of the columns camera, feed, source, number.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or a number is none of two bytes.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"`{path}` cannot be read") from error
    found: dict[str, Bof2Camera] = {}
    for line, row in enumerate(rows, 2):
        try:
            camera = Bof2Camera(*(int(row[name]) for name in _COLUMNS[1:]))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"`{path}`, line {line}: the columns are {', '.join(_COLUMNS)}"
            ) from error
        if not all(0 <= one < 1 << 15 for one in camera):
            raise ConfigurationError(f"`{path}`, line {line}: the numbers lie between 0 and 32767")
        found[str(row["camera"])] = camera
    return found


class Bof2Office:
    """A back office.

    Parameters
    ----------
    url : str
        Where its service is.
    cameras : mapping
        Its cameras (`bof2_cameras`).

    Raises
    ------
    ConfigurationError
        If plates would go there in clear.
    """

    def __init__(self, url: str, cameras: Mapping[str, Bof2Camera]) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise ConfigurationError("a back office is at an address of `https`, or on this machine")
        import httpx  # a third of what a command imports

        self._url = url
        self._cameras = cameras
        self._client = httpx.Client(timeout=_TIMEOUT_S)
        self._unreached: tuple[type[Exception], ...] = (httpx.HTTPError, httpx.InvalidURL)

    def close(self) -> None:
        """End its connections."""
        self._client.close()

    def send(self, row: Mapping[str, Any]) -> None:
        """Send one row.

        Raises
        ------
        ConfigurationError
            If its camera is none of the office's.
        Unreachable
            If the office does not answer.
        VerificationError
            If it answers that it has not taken the row.
        """
        place = f"{row['source']}/{row['camera']}"
        camera = self._cameras.get(place)
        if camera is None:
            raise ConfigurationError(f"`{place}` is not in the table of the back office's cameras")
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
        try:
            answer = self._client.post(self._url, content=capture(row, camera), headers=headers)
        except self._unreached as error:
            raise Unreachable(f"the back office at `{self._url}` does not answer") from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unreachable(f"the back office at `{self._url}` answers {answer.status_code}")
        said = _RETURN.search(answer.text[:_LARGEST])
        if answer.status_code != 200 or said is None or (said[1] or "").strip():
            raise VerificationError(f"the back office has not taken a row: it answers {answer.status_code}")


def capture(row: Mapping[str, Any], camera: Bof2Camera) -> bytes:
    """Return the call for one row; pictures are not in a feed's row, and the office's are left empty."""
    confidence = row["confidence"]
    said = {
        "signatureOfSender": "",
        "username": "wicketgate",
        "vrm": row["plate"],
        "feedIdentifier": camera.feed,
        "sourceIdentifier": camera.source,
        "cameraIdentifier": camera.number,
        "plateJpegImage": "",
        "overviewJpegImage": "",
        "captureTime": row["captured_at"],
        "latitude": row["latitude"] or 0,
        "longitude": row["longitude"] or 0,
        "cameraPresetPosition": 0,
        "cameraPan": "",
        "cameraTilt": "",
        "cameraZoom": "",
        "confidencePercentage": 0 if confidence is None else round(confidence * 100),
        "motionTowardCamera": "true" if row["direction"] == "towards" else "false",
    }
    call = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in said.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
        f'<b:sendCapture xmlns:b="http://input.webservices.bof2.anite.com">{call}</b:sendCapture>'
        "</soapenv:Body></soapenv:Envelope>\n"
    ).encode()


class Bof2Sink(CsvSink):
    """Rows as CSV, each of which the back office has taken before it is kept. Errata are in the CSV alone."""

    def __init__(self, path: Path, feed: str, office: Bof2Office) -> None:
        super().__init__(path, feed)
        self._office = office

    def write(self, received: Sequence[Received]) -> None:
        """Send rows, then append them."""
        for one in received:
            for row in flat(one):
                if row["plate"] is not None:
                    self._office.send(row)
        super().write(received)

    def close(self) -> None:
        """Close the file, and the connections."""
        super().close()
        self._office.close()
