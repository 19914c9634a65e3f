#!/usr/bin/env bash
# Install the browser that the tests of the pages drive (Debian's or Ubuntu's Chromium), and the one library that the
# driver's own runtime wants and a minimal system lacks. Where that cannot be done this says so and ends well: those
# tests then skip.
set -euo pipefail

browser() {
    local name
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" && return
    done
    return 1
}

wanted=()
browser >/dev/null || wanted+=(chromium)
/sbin/ldconfig -p 2>/dev/null | grep -qF libatomic.so.1 || wanted+=(libatomic1)

if [ ${#wanted[@]} -eq 0 ]; then
    echo "browser: $(browser)"
elif ! command -v apt-get >/dev/null; then
    echo "no browser: install ${wanted[*]} with this system's package manager; the tests of the pages skip without"
elif [ "$(id -u)" -ne 0 ]; then
    echo "no browser: run 'apt-get install ${wanted[*]}' as root; the tests of the pages skip without"
elif { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}"; } >/dev/null
then
    echo "browser: $(browser)"
else
    echo "no browser: 'apt-get install ${wanted[*]}' failed; the tests of the pages skip without"
fi
