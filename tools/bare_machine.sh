#!/usr/bin/env bash
# Try the README's two commands as a newcomer would, in a minimal Debian 12 with python3, make and git and nothing else:
# make its root with debootstrap, clone the last commit into it, run `make demo` and `make test` there.
#
#   tools/bare_machine.sh [REPORT]      REPORT: where the demonstration's report and what was said are kept
#
# It needs root, and a source of Debian 12 in this machine's own apt configuration. Where it cannot run it says why and
# ends well; with CI=true or WICKETGATE_MUST set that is a failure. Settings:
#   DEMO_SECONDS   how long the demonstration runs (20)
#   ARGS           arguments for `make test`
# The root lies in $TMPDIR, takes 3 GB and is removed at the end. Its mounts and processes are in name spaces of their
# own: whatever happens, they go with this script.
set -euo pipefail

# --- whether it can run ---------------------------------------------------------------------------------------------

skip() {
    echo "bare machine: not tried: $1"
    case "${CI:-}${WICKETGATE_MUST:-}" in "" | false | 0) exit 0 ;; esac
    exit 1
}

[ "$(id -u)" -eq 0 ] || skip "it needs root, for debootstrap and chroot"
command -v apt-get >/dev/null || skip "it needs a machine with apt, whose sources of Debian it takes"
if [ "${1:-}" != --within ]; then
    unshare --mount --pid --fork true 2>/dev/null || skip "this machine allows no name spaces (unshare)"
    command -v debootstrap >/dev/null || { apt-get update && apt-get install -y --no-install-recommends debootstrap; } \
        >/dev/null 2>&1 || skip "debootstrap is not here and cannot be installed"
    exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$0" --within "$@"
fi
shift

repository=$(cd "$(dirname "$0")/.." && pwd)
report=${1:-}
root=$(mktemp -d "${TMPDIR:-/tmp}/wicketgate-bare-XXXXXX")
chmod 755 "$root" # apt fetches as a user of its own
bound=()
clean() {
    umount --recursive --lazy "$root"/{proc,dev,sys} "${bound[@]}" 2>/dev/null || true
    # What is still mounted there is this machine's own: then nothing is removed.
    grep -qF " $root/" /proc/self/mountinfo || rm -rf --one-file-system "$root"
}
trap clean EXIT

# What apt has from the sources of this machine, however they are written: `URI suite component`, a line each.
sources=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' \
    | awk '$2 ~ /^bookworm/' | sort -u)
mirror=$(awk '$2 == "bookworm" && $3 == "main" { print $1; exit }' <<<"$sources")
[ -n "$mirror" ] || skip "no source of this machine's apt has Debian 12 (bookworm)"

# --- the root -------------------------------------------------------------------------------------------------------

began=$SECONDS
debootstrap --variant=minbase --include=python3,make,git bookworm "$root" "$mirror" >"$root.log" 2>&1 || {
    tail -n 5 "$root.log"
    rm -f "$root.log"
    skip "debootstrap failed"
}
rm -f "$root.log"

# As this machine reaches its sources, so does the root: apt's way of fetching, keys, certificates, names.
awk '{ print "deb", $1, $2, $3 }' <<<"$sources" >"$root/etc/apt/sources.list"
apt-config dump | grep '^Acquire::' >"$root/etc/apt/apt.conf.d/90fetching" || true
for path in /etc/apt/trusted.gpg /etc/apt/trusted.gpg.d /etc/apt/keyrings /etc/ssl/certs /usr/local/share/ca-certificates \
    /etc/hosts /etc/resolv.conf /etc/pip.conf /etc/xdg/pip /etc/uv "$HOME/.pip" "$HOME/.config/pip" "$HOME/.config/uv"; do
    [ -e "$path" ] || continue
    mkdir -p "$root$(dirname "$path")"
    cp -rLT "$path" "$root$path" 2>/dev/null || true # a link that leads nowhere is of no use there either
done

kept=("HOME=$HOME" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8)
kept+=(DEBIAN_FRONTEND=noninteractive TERM=dumb)
while IFS= read -r -d '' setting; do
    case "${setting%%=*}" in
        *_[Pp][Rr][Oo][Xx][Yy] | PIP_* | UV_* | *SSL* | *CERT* | *CA_BUNDLE* | CI | WICKETGATE_MUST) kept+=("$setting") ;;
    esac
done < <(env -0)

# Folders that these settings name, such as one of wheels.
while IFS= read -r path; do
    [ -d "$path" ] && [ ! -e "$root$path" ] || continue
    mkdir -p "$root$path"
    mount --bind "$path" "$root$path" && mount -o remount,bind,ro "$root$path"
    bound+=("$root$path")
done < <({
    printf '%s\n' "${kept[@]}" | grep -E '^(PIP|UV)_' || true
    find "$root"/etc/{pip.conf,xdg/pip,uv} "$root$HOME"/{.pip,.config/pip,.config/uv} -type f -exec cat {} + 2>/dev/null || true
} | grep -oE '(^|[ =]|file:/{2})/[^ ,:]+' | sed -E 's/^[ =]//; s|^file://||' | sort -u)

mkdir -p "$root$HOME"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"

git -c safe.directory='*' clone --quiet --no-hardlinks --single-branch --depth 1 "file://$repository" "$root/srv/wicketgate"
size=$(du -sm --one-file-system "$root" | cut -f1)
echo "bare machine: Debian $(cat "$root/etc/debian_version") with python3, make and git, $size MB, in $((SECONDS - began)) s"

# --- the two commands -----------------------------------------------------------------------------------------------

# Run a command in the root, in a clean environment; say how long it took.
within() {
    local began=$SECONDS code=0
    env -i "${kept[@]}" "${@:2}" chroot "$root" sh -c "cd /srv/wicketgate && $1" </dev/null 2>&1 | tee "$root/srv/said" || code=$?
    [ -z "$report" ] || { mkdir -p "$report" && cp "$root/srv/said" "$report/$(tr -dc a-z- <<<"${1%% ARGS*}").txt"; }
    if [ "$code" -ne 0 ]; then
        echo "bare machine: \`$1\` failed after $((SECONDS - began)) s"
        exit 1
    fi
    echo "bare machine: \`$1\` in $((SECONDS - began)) s"
}

within "make demo ARGS='--seconds ${DEMO_SECONDS:-20} --report /srv/report.json'"
[ -z "$report" ] || cp "$root/srv/report.json" "$report"
within "make test" "ARGS=${ARGS:-}"
