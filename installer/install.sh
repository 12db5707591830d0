#!/usr/bin/env bash
# Installs Puna for this user, without root, from a checkout or a wheel; or removes it.
#
#   installer/install.sh [--login] [--server-only] [--service] [WHEEL]
#   installer/install.sh --remove
#
# What it writes: ~/.local/share/puna/venv, ~/.local/bin/puna, a desktop entry and an icon under
# ~/.local/share, with --login ~/.config/autostart/io.github.puna.Puna.desktop, and with --service
# ~/.config/systemd/user/puna.service, which it starts and enables.
# Removing takes exactly these away; models, chats and settings stay.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
id=io.github.puna.Puna
data=${XDG_DATA_HOME:-$HOME/.local/share}
config=${XDG_CONFIG_HOME:-$HOME/.config}
venv=$data/puna/venv
launcher=$HOME/.local/bin/puna
entry=$data/applications/$id.desktop
autostart=$config/autostart/$id.desktop
unit=$config/systemd/user/puna.service
icon=$data/icons/hicolor/scalable/apps/$id.svg

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

remove() {
    if [ -e "$unit" ]; then
        service disable --now puna.service
        rm -f "$unit"
        service daemon-reload
    fi
    rm -rf "$venv"
    rmdir "$data/puna" 2>/dev/null || true
    if [ -L "$launcher" ] && [ "$(readlink "$launcher")" = "$venv/bin/puna" ]; then
        rm "$launcher"
    fi
    rm -f "$entry" "$autostart" "$icon"
    refresh
    echo "Puna is removed. Models, chats and settings were left where they are."
}

service() { # no complaint where no service manager of the user runs
    if command -v systemctl >/dev/null; then
        systemctl --user --quiet "$@" 2>/dev/null || true
    fi
}

refresh() {
    if command -v update-desktop-database >/dev/null; then
        update-desktop-database -q "$data/applications" 2>/dev/null || true
    fi
}

write_entry() { # FILE EXTRA_ARGUMENT
    mkdir -p "$(dirname "$1")"
    sed -e "s|^Exec=.*|Exec=\"$launcher\" app$2|" -e "s|^TryExec=.*|TryExec=$launcher|" \
        "$here/packaging/$id.desktop" >"$1.part"
    mv "$1.part" "$1"
}

install() {
    local python=${PYTHON:-python3}
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null ||
        fail "needs Python 3.11, 3.12 or 3.13; set PYTHON to one of them"
    "$python" -c 'import ensurepip' 2>/dev/null ||
        fail "needs the venv module of Python (on Debian: apt-get install python3-venv)"
    if [ -e "$launcher" ] && [ ! -L "$launcher" ]; then
        fail "$launcher exists and is not ours; move it away first"
    fi

    "$python" -m venv "$venv"
    echo "Installing into $venv (llama.cpp is compiled the first time: some minutes)"
    local flags
    flags=$("$here/scripts/compiler_flags.sh")
    export CFLAGS="${CFLAGS:-} $flags" CXXFLAGS="${CXXFLAGS:-} $flags"
    "$venv/bin/python" -m pip --disable-pip-version-check --quiet install \
        -c "$here/packaging/constraints.txt" "${source}[$extra]"

    mkdir -p "$(dirname "$launcher")"
    ln -sfn "$venv/bin/puna" "$launcher"
    if [ "$extra" = desktop ]; then
        mkdir -p "$(dirname "$icon")"
        cp "$here/resources/icons/puna.svg" "$icon"
        write_entry "$entry" " %F"
        refresh
    fi
    if [ -n "$login" ]; then
        write_entry "$autostart" " --hidden"
    fi
    if [ -n "$with_service" ]; then
        mkdir -p "$(dirname "$unit")"
        cp "$here/packaging/puna.user.service" "$unit"
        service daemon-reload
        service enable --now puna.service
    fi

    if [ "$extra" = desktop ]; then
        echo "Puna is installed. Start it from the menu, or with: $launcher app"
    else
        echo "Puna is installed. Start it with: $launcher serve"
    fi
    case ":$PATH:" in
    *":$HOME/.local/bin:"*) ;;
    *) echo "To type just 'puna', add $HOME/.local/bin to PATH." ;;
    esac
}

login=
with_service=
extra=desktop
source=$here
while [ $# -gt 0 ]; do
    case "$1" in
    --remove) remove && exit ;;
    --login) login=yes ;;
    --service) with_service=yes ;;
    --server-only) extra=server ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" && exit ;;
    *.whl)
        [ -f "$1" ] || fail "no such file: $1"
        source=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
        ;;
    *) fail "unknown argument: $1 (try --help)" ;;
    esac
    shift
done
install
