"""Make what the pages take from others, and put it beside them: govuk-frontend's style sheet, MapLibre's map.

Run it by hand when the versions below change; its result is committed, so that nobody else needs Node.js:

    python tools/vendor_assets.py            # writes below src/wicketgate/pages/assets/
    python tools/vendor_assets.py --check    # makes all of it again and compares with what is committed

It needs `node` and `npm`, and takes from whatever package registry npm is set to use, into a temporary
directory. The packages are of exact versions and are checked against the hashes below.

govuk-frontend: the pages are not a GOV.UK service. The font GDS Transport, the GOV.UK header and footer with
the crown and the crest are left out, and the colour of the brand is another one. No JavaScript of it is copied.

MapLibre GL JS: the build for a strict Content-Security-Policy (the worker is a file of its own, nothing is
evaluated), byte for byte. Of its style sheet, the pictures inside `url(data:…)` are left out: the policy lets no
such picture in, and what the pages show of its controls `wicketgate.css` draws with text.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "src/wicketgate/pages/assets"

# govuk-frontend-jinja 4.1.0 renders the markup of govuk-frontend 6.3.0: change both together.
PACKAGES = {
    "govuk-frontend": (
        "6.3.0",
        "sha512-cXIQxm5PHCsbic47GXZrVBZhAeeshTLRL6ZBKilLsR6rMCjJuWb7Fruq0VUNMBJFlJk/srsRj/q8d5bM9cgKoA==",
    ),
    "sass": (
        "1.108.2",
        "sha512-kugK8djotnG9HQRPTOf36asKYlxg8rWWsNLYHOgWDIVOiZQqlRfKBgF4XXM6kfw146kIDMvm57B4GIkvDSyTzA==",
    ),
}

# The last version that is published as classic scripts; 6 is one module and a third larger.
MAPLIBRE = (
    "5.24.1",
    "sha512-HyiYBwtsbk3L1n1EPLJHWqdoyMiF80n7tEYXFZyu2m1TjvaNx6KMLiFeDdmszt1/mq2zvsR1TJuX/NMu5BonXQ==",
)
MAPLIBRE_FILES = {
    "maplibre-gl-csp.js": "package/dist/maplibre-gl-csp.js",
    "maplibre-gl-csp-worker.js": "package/dist/maplibre-gl-csp-worker.js",
    "maplibre-gl.css": "package/dist/maplibre-gl.css",
    "LICENSE": "package/LICENSE.txt",
}

# Left out: what shows the crown or the crest (header, footer) and what does nothing without JavaScript.
COMPONENTS = (
    "back-link",
    "breadcrumbs",
    "button",
    "checkboxes",
    "date-input",
    "details",
    "error-message",
    "error-summary",
    "fieldset",
    "generic-header",
    "hint",
    "input",
    "inset-text",
    "label",
    "notification-banner",
    "pagination",
    "panel",
    "phase-banner",
    "radios",
    "select",
    "service-navigation",
    "skip-link",
    "summary-list",
    "table",
    "tag",
    "task-list",
    "textarea",
    "warning-text",
)

SOURCE = """\
@use "govuk-frontend/dist/govuk/base" as * with (
  $govuk-font-family: (system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif),
  $govuk-functional-colours: (
    brand: (name: "teal"),
    template-background: (name: "teal", variant: "tint-95"),
    surface-background: (name: "teal", variant: "tint-95"),
    surface-border: (name: "teal", variant: "tint-50")
  )
);
@use "govuk-frontend/dist/govuk/core";
@use "govuk-frontend/dist/govuk/objects";
%s
@use "govuk-frontend/dist/govuk/utilities";
@use "govuk-frontend/dist/govuk/overrides";
"""

# The npm package holds no licence file; this is LICENSE.txt of the repository that it is built from.
LICENCE = """\
The MIT License (MIT)

Copyright (C) 2017 Crown Copyright (Government Digital Service)

Permission is hereby granted, free of charge, to any person obtaining a copy of
this software and associated documentation files (the "Software"), to deal in
the Software without restriction, including without limitation the rights to
use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies
of the Software, and to permit persons to whom the Software is furnished to do
so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""

FORBIDDEN = ("GDS Transport", "@font-face", "url(", "crown", "crest")


def install(folder: Path) -> None:
    """Install the packages into `folder` and compare their hashes; SystemExit where one differs."""
    wanted = [f"{name}@{version}" for name, (version, _) in PACKAGES.items()]
    (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    # No install script of any package runs.
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", *wanted]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    lock = json.loads((folder / "node_modules/.package-lock.json").read_text(encoding="utf-8"))
    for name, (version, integrity) in PACKAGES.items():
        found = lock["packages"][f"node_modules/{name}"]
        if (found["version"], found["integrity"]) != (version, integrity):
            sys.exit(
                f"{name} {found['version']} has the hash {found['integrity']}, wanted {version} {integrity}"
            )
    package = json.loads((folder / "node_modules/govuk-frontend/package.json").read_text(encoding="utf-8"))
    if package["license"] != "MIT":
        sys.exit(f"the licence of govuk-frontend is now {package['license']}: read it, then change LICENCE")


def compile_css(folder: Path) -> bytes:
    """Return the style sheet; SystemExit where it holds what may not be used here."""
    uses = "\n".join(f'@use "govuk-frontend/dist/govuk/components/{name}";' for name in COMPONENTS)
    (folder / "entry.scss").write_text(SOURCE % uses, encoding="utf-8")
    command = ["node", "node_modules/sass/sass.js", "--no-source-map", "--style=compressed", "--no-charset"]
    css = subprocess.run(
        [*command, "--quiet-deps", "--load-path=node_modules", "entry.scss"],
        cwd=folder,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    text = css.decode("utf-8")
    for word in FORBIDDEN:
        if word.lower() in text.lower():
            sys.exit(f"the compiled style sheet holds `{word}`: leave out the component that brings it")
    return css


def govuk(folder: Path) -> dict[str, bytes]:
    """Return the files of `govuk-frontend/`."""
    install(folder)
    css = compile_css(folder)
    version = [f"{name} {version}" for name, (version, _) in PACKAGES.items()]
    version.append(f"sha256 of govuk-frontend.min.css {hashlib.sha256(css).hexdigest()}")
    version.append("made by tools/vendor_assets.py")
    return {
        "govuk-frontend.min.css": css,
        "LICENSE": LICENCE.encode(),
        "VERSION": ("\n".join(version) + "\n").encode(),
    }


def without_pictures(css: str) -> str:
    """Return a style sheet without the declarations that hold a `url(…)`, and without rules that are empty then."""
    css = re.sub(r"""[\w-]+:[^;{}"']*url\((?:"[^"]*"|'[^']*'|[^"')]*)\)[^;{}"']*;?""", "", css)
    while (less := re.sub(r"[^{}]+\{\}", "", css)) != css:
        css = less
    return css


def maplibre(folder: Path) -> dict[str, bytes]:
    """Return the files of `maplibre/`; SystemExit where the package is not the one meant."""
    version, wanted = MAPLIBRE
    command = ["npm", "pack", "--silent", "--ignore-scripts", f"maplibre-gl@{version}"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    package = folder / f"maplibre-gl-{version}.tgz"
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if integrity != wanted:
        sys.exit(f"maplibre-gl {version} has the hash {integrity}, wanted {wanted}")
    files: dict[str, bytes] = {}
    with tarfile.open(package) as archive:
        for name, member in MAPLIBRE_FILES.items():
            content = archive.extractfile(member)
            assert content is not None
            files[name] = content.read()
    files["maplibre-gl.css"] = without_pictures(files["maplibre-gl.css"].decode()).encode()
    if b"url(" in files["maplibre-gl.css"]:
        sys.exit("the style sheet of maplibre-gl still holds a picture: see `without_pictures`")
    if b"3-Clause BSD" not in files["LICENSE"] and b"Redistributions of source code" not in files["LICENSE"]:
        sys.exit("the licence of maplibre-gl has changed: read it")
    hashes = [f"sha256 of {name} {hashlib.sha256(content).hexdigest()}" for name, content in files.items()]
    lines = [f"maplibre-gl {version}", *hashes, "made by tools/vendor_assets.py"]
    return {**files, "VERSION": ("\n".join(lines) + "\n").encode()}


def main() -> None:
    """Write, or with `--check` compare, every file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed files, write nothing"
    )
    check = parser.parse_args().check
    for target, make in ((TARGET / "govuk-frontend", govuk), (TARGET / "maplibre", maplibre)):
        with tempfile.TemporaryDirectory(prefix="wicketgate-assets-") as name:
            files = make(Path(name))
        target.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            path = target / file
            if check and (not path.is_file() or path.read_bytes() != content):
                sys.exit(f"{os.path.relpath(path)} is not what these versions make")
            if not check:
                path.write_bytes(content)
        size = sum(map(len, files.values()))
        print(f"{'as committed' if check else 'written'}: {os.path.relpath(target)}, {size:,} bytes")


if __name__ == "__main__":
    main()
