# Sourced by the scripts beside it: a virtual environment with audiofeat in it, as a user's pip would install it.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\n\033[1m== %s\033[0m\n' "$*" >&2; }

# open_venv FOLDER: make the environment unless it is there, and set $venv to its absolute path.
open_venv() {
    local python=${PYTHON:-python3}
    venv=$1
    if [[ ! -x $venv/bin/pip ]]; then
        if ! command -v "$python" >/dev/null; then
            echo "there is no '$python': install Python 3.10 to 3.13, or name one with PYTHON=" >&2
            exit 1
        fi
        "$python" - <<'PYTHON' || exit 1
import sys

if not (3, 10) <= sys.version_info[:2] <= (3, 13):
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"{sys.executable} is Python {found}, and audiofeat wants 3.10 to 3.13: name another with PYTHON=")
PYTHON
        say "making a virtual environment in $venv"
        "$python" -m venv "$venv"
    fi
    venv=$(cd "$venv" && pwd)
}

# install_audiofeat EXTRAS: build a wheel of the checkout and install it into $venv. EXTRAS is '' or as '[test,check]'.
# The dependencies are left alone while nothing that names them has changed, so the second time takes seconds.
install_audiofeat() {
    local extras=$1 stamp built wheel
    stamp="$extras $(cat "$root/pyproject.toml" "$root/scripts/constraints.txt" | cksum)"
    # Built from a copy: setuptools leaves folders in the tree it builds, whose stale files end in the next wheel.
    built=$venv/wheel
    rm -rf "$built"
    mkdir -p "$built/source"
    cp -R "$root/pyproject.toml" "$root/README.md" "$root/LICENSE" "$root/audiofeat" "$built/source"
    say "building the wheel"
    "$venv/bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$built" "$built/source"
    wheel=$(echo "$built"/audiofeat-*.whl)
    if [[ $(cat "$venv/installed" 2>/dev/null) != "$stamp" ]]; then
        say "installing audiofeat$extras and what it needs (TensorFlow is about 600 MB; a few minutes the first time)"
        "$venv/bin/python" -m pip install --quiet --constraint "$root/scripts/constraints.txt" "$wheel$extras"
        echo "$stamp" >"$venv/installed"
    fi
    # pip takes a wheel of the same version for the same wheel, unless told.
    "$venv/bin/python" -m pip install --quiet --no-deps --force-reinstall "$wheel"
}
