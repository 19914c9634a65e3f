"""Compile the style sheet of govuk-frontend that the public pages use, and put it beside them.

Run it by hand when the versions below change; its result is committed, so that nobody else needs Node.js:

    python tools/vendor_assets.py            # writes src/wicketgate/http/assets/govuk-frontend/
    python tools/vendor_assets.py --check    # compiles again and compares with what is committed

It needs `node` and `npm`, and installs from whatever package registry npm is set to use, into a temporary
directory. The two packages are of exact versions and are checked against the hashes below.

The pages are not a GOV.UK service: the font GDS Transport, the GOV.UK header and footer with the crown and
the crest are left out, and the colour of the brand is another one. No JavaScript is copied: the pages need
none.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "src/wicketgate/http/assets/govuk-frontend"

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


def main() -> None:
    """Write, or with `--check` compare, the three files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed files, write nothing"
    )
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory(prefix="wicketgate-assets-") as name:
        folder = Path(name)
        install(folder)
        css = compile_css(folder)
    version = [f"{name} {version}" for name, (version, _) in PACKAGES.items()]
    version.append(f"sha256 of govuk-frontend.min.css {hashlib.sha256(css).hexdigest()}")
    version.append("made by tools/vendor_assets.py")
    files = {
        "govuk-frontend.min.css": css,
        "LICENSE": LICENCE.encode(),
        "VERSION": ("\n".join(version) + "\n").encode(),
    }
    TARGET.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        path = TARGET / file
        if check and (not path.is_file() or path.read_bytes() != content):
            sys.exit(f"{os.path.relpath(path)} is not what these versions compile to")
        if not check:
            path.write_bytes(content)
    print(f"{'as committed' if check else 'written'}: {os.path.relpath(TARGET)}, {len(css):,} bytes of CSS")


if __name__ == "__main__":
    main()
