#!/bin/sh
# need.sh COMMAND:PACKAGE …: every COMMAND exists afterwards, or this fails and names what is missing.
# As root on Debian and its kin the missing PACKAGEs are installed.
set -eu

missing() {
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null 2>&1 || printf '%s ' "${pair##*:}"
    done
}

packages=$(missing "$@")
if [ -n "$packages" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing with apt-get: $packages"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null || echo "apt-get update failed; trying with the lists there are."
    # shellcheck disable=SC2086 - one word for each package
    apt-get install -y -qq --no-install-recommends $packages </dev/null >/dev/null || true
    packages=$(missing "$@")
fi
if [ -n "$packages" ]; then
    echo "Missing on this machine: $packages- install it (Debian and Ubuntu: apt-get install $packages) and try again." >&2
    exit 1
fi
