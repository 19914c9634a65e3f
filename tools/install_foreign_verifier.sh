#!/bin/sh
# Installs what tests/system/test_foreign_verifier.py needs to check a log with code that others wrote: a Go
# compiler and the Go authors' golang.org/x/mod (sumdb/tlog and sumdb/note), both as packages of Debian.
# 81 MB, about 20 seconds, once. Always exits 0: without these the test skips and says so.
LIBRARY=/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog
if command -v go >/dev/null 2>&1 && [ -d "$LIBRARY" ]; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "The foreign verifier is not installed; its test will skip. As root: apt-get install golang-go golang-golang-x-mod-dev" >&2
    exit 0
fi
log=$(mktemp)
install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends golang-go golang-golang-x-mod-dev
}
if ! { install || { apt-get update && install; }; } >"$log" 2>&1; then
    echo "The foreign verifier could not be installed; its test will skip. The end of what apt-get said:" >&2
    tail -n 5 "$log" >&2
fi
rm -f "$log"
exit 0
