#!/usr/bin/env bash
# Install the commands that some tests check with, as anybody would by hand. Where that cannot be done this says so and
# ends well: those tests then skip.
set -euo pipefail

wanted=()
for pair in curl faketime jq openssl pkcs11-tool:opensc softhsm2-util:softhsm2 xxd; do # a command, and its package
    command -v "${pair%%:*}" >/dev/null || wanted+=("${pair#*:}")
done

if [ ${#wanted[@]} -eq 0 ]; then
    exit 0
elif ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "install ${wanted[*]} (as root, with this system's package manager); some tests skip without"
elif ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}"; } >/dev/null
then
    echo "'apt-get install ${wanted[*]}' failed; some tests skip without"
fi
