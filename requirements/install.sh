#!/bin/sh
# Make .venv and install pinned, hashed requirements into it: `requirements/install.sh runtime [dev]`.
# What is installed already is skipped. Needs Python >= 3.11 and a package index, nothing else.
set -eu
cd "$(dirname "$0")/.."

fail() { printf '\n%s\n' "$*" >&2; exit 1; }

# Run a command that takes long, and say so while it does.
patiently() {
    "$@" &
    pid=$!
    seconds=0
    while kill -0 "$pid" 2>/dev/null; do
        sleep 1
        seconds=$((seconds + 1))
        if [ $((seconds % 8)) = 0 ]; then echo "  … still at it ($seconds s)"; fi
    done
    wait "$pid"
}

find_python() {
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14}; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$name"
            return
        fi
    done
    fail "Resonanz needs Python 3.11 or newer, and none was found. Install one (Debian, Ubuntu: apt-get install python3
python3-venv) or name it: make run PYTHON=/path/to/python3"
}

make_venv() {
    python=$(find_python)
    echo "· making .venv with $("$python" --version)"
    "$python" -m venv .venv >/dev/null 2>&1 && return
    rm -rf .venv
    # Debian and Ubuntu keep pip's bootstrap in a package of its own.
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    echo "· this Python lacks pip's bootstrap: installing Debian's $package"
    if [ "$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi
    { $sudo apt-get update -qq && $sudo apt-get install -y -qq "$package"; } >/dev/null 2>&1 ||
        fail "Please install it first: sudo apt-get install $package"
    "$python" -m venv .venv || fail "$python -m venv .venv failed; see above"
}

[ -x .venv/bin/python ] && .venv/bin/python -c 'import sys' 2>/dev/null || { rm -rf .venv; make_venv; }

wanted=$( (cat requirements/build.txt pyproject.toml; for set in "$@"; do cat "requirements/$set.txt"; done) | sha256sum)
stamp=.venv/.installed-$(echo "$*" | tr ' ' '-')
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && exit 0

echo "· installing the pinned requirements: $* (about 1.2 GB, once)"
pip=".venv/bin/python -m pip install -q --disable-pip-version-check --no-deps"
# shellcheck disable=SC2086
patiently $pip --require-hashes -r requirements/build.txt
sets=""
for set in "$@"; do sets="$sets -r requirements/$set.txt"; done
# uv is many times faster; pip steps in where uv does not reach the index that pip is configured for.
# shellcheck disable=SC2086
patiently .venv/bin/uv pip install -q --python .venv/bin/python --no-deps --require-hashes $sets 2>.venv/uv.log || {
    echo "· uv could not ($(tail -n 1 .venv/uv.log)); going on with pip, which takes some minutes"
    patiently $pip --require-hashes $sets
}
# shellcheck disable=SC2086
patiently $pip --no-build-isolation -e .
echo "$wanted" >"$stamp"
echo "· installed"
