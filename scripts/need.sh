#!/usr/bin/env bash
# Makes sure that the tools named as Debian packages are here: `scripts/need.sh npm chromium`.
# Installs what is missing with apt-get (as root, or through sudo); anywhere else it says exactly what to install and
# stops. What is already here, from whatever source, is left alone.
set -euo pipefail

# Is the tool that this package brings already here?
has() {
    case "$1" in
        build-essential) command -v cc >/dev/null && command -v make >/dev/null && command -v ar >/dev/null ;;
        chromium) [ -x "${CHROMIUM:-/usr/bin/chromium}" ] ;;
        nodejs) command -v node >/dev/null ;;
        python3-pip) python3 -m pip --version >/dev/null 2>&1 ;;
        rust) command -v cargo >/dev/null ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

missing=()
for package in "$@"; do
    has "$package" || missing+=("$package")
done
for package in "${missing[@]}"; do
    if [ "$package" = rust ]; then
        echo "Rust is missing. Install it from https://rustup.rs (version 1.95 or newer), then run this again." >&2
        exit 1
    fi
done

if [ ${#missing[@]} -gt 0 ]; then
    by_hand() {
        echo "These are missing: ${missing[*]}" >&2
        echo "Install them and run this again. On Debian or Ubuntu:" >&2
        echo "    sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    }
    command -v apt-get >/dev/null || by_hand
    as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || by_hand
        # Without a terminal nobody can type a password.
        if [ -t 0 ]; then as_root=(sudo); elif sudo -n true 2>/dev/null; then as_root=(sudo -n); else by_hand; fi
    fi
    echo "Installing ${missing[*]} …" >&2
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    install() {
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "$@" </dev/null >"$log" 2>&1
    }
    if ! install update -qq || ! install install -y -qq --no-install-recommends "${missing[@]}"; then
        tail -n 20 "$log" >&2
        by_hand
    fi
fi

for package in "$@"; do
    if ! has "$package"; then
        echo "'$package' was installed but its tool cannot be found." >&2
        exit 1
    fi
    if [ "$package" = nodejs ] && ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 18 ? 0 : 1)'; then
        echo "Node $(node --version) is too old: version 18 or newer is needed." >&2
        exit 1
    fi
done
