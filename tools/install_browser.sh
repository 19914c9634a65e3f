#!/usr/bin/env bash
# Install the browser that the tests of the public pages drive (Debian's or Ubuntu's Chromium).
# Where it cannot be installed this says so and ends well: those tests then skip.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then
        echo "browser: $(command -v "$name")"
        exit 0
    fi
done

if ! command -v apt-get >/dev/null; then
    echo "no browser: install Chromium with this system's package manager; the tests of the pages skip without it"
elif [ "$(id -u)" -ne 0 ]; then
    echo "no browser: run 'apt-get install chromium' as root; the tests of the pages skip without it"
elif { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } >/dev/null
then
    echo "browser: $(command -v chromium)"
else
    echo "no browser: 'apt-get install chromium' failed; the tests of the pages skip without it"
fi
