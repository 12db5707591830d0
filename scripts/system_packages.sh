#!/usr/bin/env bash
# Installs the system packages named in the given lists, or says in one line which are missing.
# usage: system_packages.sh LIST...        a line "a|b" means either name
set -euo pipefail

if ! command -v apt-get >/dev/null; then
    exit 0 # not a Debian: the error of whatever is missing will name it
fi

installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
while read -r line; do
    [ -n "$line" ] || continue
    found=
    for name in ${line//|/ }; do
        installed "$name" && found=yes && break
    done
    # A program that came from elsewhere counts as well.
    case "$line" in
    chromium | cmake | curl | g++ | make) command -v "$line" >/dev/null && found=yes ;;
    python3-venv) "${PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null && found=yes ;;
    python3-dev)
        "${PYTHON:-python3}" -c 'import os, sysconfig, sys
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' && found=yes ;;
    esac
    [ -n "$found" ] || missing+=("$line")
done < <(cat "$@")

[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        as_root=(sudo)
    else
        echo "Missing system packages; ask root for: apt-get install ${missing[*]%%|*}" >&2
        exit 1
    fi
fi

echo "Installing system packages: ${missing[*]%%|*}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get -qq update
wanted=()
for line in "${missing[@]}"; do
    choice=${line%%|*}
    for name in ${line//|/ }; do
        if [ -n "$(apt-cache madison "$name" 2>/dev/null)" ]; then choice=$name && break; fi
    done
    wanted+=("$choice")
done
"${as_root[@]}" apt-get -qq install -y --no-install-recommends "${wanted[@]}" >/dev/null
