# shellcheck shell=bash disable=SC2034 # what is set here is used by those that source it
# Shared by the scripts in this folder (sourced, not run): where things are, how to speak to the
# person in front, how to get packages.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
deps=$top/build/deps
stock_node=$deps/memcached # a link that scripts/setup makes
nutcracker=$deps/nutcracker    # and this one
stock_version=1.6.18

say() { printf '%s\n' "$*" >&2; }
# The environment failed (3) and bad usage (2), as in the program itself.
die() { say "${0##*/}: $*"; exit 3; }
usage_error() { say "${0##*/}: $* (--help shows the usage)"; exit 2; }
# The comment at the top of a script is its help text.
print_help() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"; }

# Runs a command whose output matters only when it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    if ((status)); then
        cat "$log" >&2
        say "${0##*/}: failed (exit code $status): $*"
    fi
    rm -f "$log"
    return "$status"
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

apt_update() { quietly as_root apt-get -q -o DPkg::Lock::Timeout=300 update; }

apt_install() {
    (($#)) || return 0
    command -v apt-get >/dev/null || die "install by hand (there is no apt-get here): $*"
    ((EUID == 0)) || command -v sudo >/dev/null || die "needs root or sudo to install: $*"
    say "installing: $*"
    local install=(as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y
        -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@")
    # The package lists may be missing or old.
    "${install[@]}" >/dev/null 2>&1 || { apt_update && quietly "${install[@]}"; } ||
        die "apt-get could not install: $*"
}

# Each prints a package's name unless what it is needed for is there.
unless_command() { command -v "$1" >/dev/null || echo "$2"; }
unless_installed() { dpkg-query -W "$1" >/dev/null 2>&1 || echo "$1"; }
unless_module() { pkg-config --exists "$1" 2>/dev/null || echo "$2"; }

# Configures and builds build/PRESET; further arguments go to the configuration.
build() {
    local preset=$1
    shift
    [[ -e $top/build/$preset/build.ninja ]] || say "building $preset in build/$preset"
    quietly cmake -S "$top" --preset "$preset" "$@" || exit 3
    quietly cmake --build "$top/build/$preset" || exit 3
}
