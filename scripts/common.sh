# shellcheck shell=bash disable=SC2034 # what is set here is used by those that source it
# Shared by the scripts in this folder (sourced, not run): where things are, how to speak to the
# person in front, how to get packages.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
deps=$top/build/deps
stock_node=$deps/memcached # a link that scripts/setup makes
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

# ---- source packages -----------------------------------------------------------------------------
# They come through the machine's own apt sources, read with lists of their own: nothing in /etc/apt
# or apt's state changes. apt checks the signed lists, dpkg-source the files' hashes.

# source_entries FOLDER CODENAME SUITE: writes the distribution's own entries, as source entries.
source_entries() {
    local folder=$1 here=$2 there=$3 file
    for file in /etc/apt/sources.list.d/*.sources; do
        [[ -e $file ]] || continue
        awk -v RS= -v here="$here" -v there="$there" '
            $0 !~ "(^|\n)Suites:[^\n]*" here || /(^|\n)Enabled: *no/ { next }
            {
                n = split($0, line, "\n")
                for (i = 1; i <= n; i++) {
                    if (line[i] ~ /^Types:/) line[i] = "Types: deb-src"
                    if (line[i] ~ /^Suites:/) gsub(here, there, line[i])
                    print line[i]
                }
                print ""
            }' "$file"
    done >"$folder/distribution.sources"
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [[ -e $file ]] || continue
        sed -n "/^deb .* $here/{s/^deb /deb-src /;s/ $here/ $there/p}" "$file"
    done >"$folder/distribution.list"
}

# unpack_parts FOLDER PACKAGE: a source package without its .dsc (some mirrors lack it), from the
# tarball and, if they are there, Debian's patches. apt has checked both against the signed lists,
# which name the same hashes as the .dsc.
unpack_parts() {
    local folder=$1 name=$2 patches
    mkdir "$folder/source"
    quietly tar -xf "$folder/$name"_*.orig.tar.* -C "$folder/source" --strip-components=1 || exit 3
    patches=$(compgen -G "$folder/${name}_*.debian.tar.*") || return 0
    quietly tar -xf "$patches" -C "$folder/source" || exit 3
    (cd "$folder/source" && quietly dpkg-source --before-build .) || exit 3
}

# fetch_source PACKAGE SCRATCH [VERSION] [SUITE]: unpacks a source package, patched, into
# SCRATCH/source and prints its upstream version; without VERSION the newest. Says so where the mirror
# lacks a part of it that can be done without.
fetch_source() {
    local name=$1 scratch=$2 version=${3-} suite=${4-}
    local codename known package
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    [[ -n $codename ]] || die "this distribution has no code name, so its sources are not known"
    suite=${suite:-$codename}
    mkdir -p "$scratch"/{parts,lists/partial,cache/archives/partial}
    source_entries "$scratch/parts" "$codename" "$suite"
    local private=(-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$scratch/parts"
        -o Dir::State::Lists="$scratch/lists" -o Dir::Cache="$scratch/cache"
        -o APT::Sandbox::User=root)
    say "reading the source lists of $suite"
    # A suite without updates of its own is no failure; what counts is whether the package is there.
    apt-get "${private[@]}" -q update >"$scratch/update.log" 2>&1 || true
    known=$(apt-cache "${private[@]}" showsrc "$name" 2>/dev/null |
        sed -n 's/^Version: //p' | sort -Vu | paste -sd ' ')
    package=$(tr ' ' '\n' <<<"$known" | grep -F -e "${version:+$version-}" | tail -n 1) || true
    if [[ -z $package ]]; then
        [[ -n $known ]] || cat "$scratch/update.log" >&2
        die "no source package of $name ${version:-at all} in $suite (there is: ${known:-nothing})"
    fi
    local fetch=(apt-get "${private[@]}" -q source --only-source --download-only "$name=$package")
    if (cd "$scratch" && "${fetch[@]}") >"$scratch/source.log" 2>&1; then
        quietly dpkg-source -x "$scratch/$name"_*.dsc "$scratch/source" || exit 3
    elif (cd "$scratch" && "${fetch[@]}" --tar-only) >>"$scratch/source.log" 2>&1; then
        local less='without its .dsc'
        (cd "$scratch" && "${fetch[@]}" --diff-only) >>"$scratch/source.log" 2>&1 ||
            less="without Debian's patches"
        say "the mirror has $name $package only in part: it is taken $less"
        unpack_parts "$scratch" "$name"
    else
        cat "$scratch/source.log" >&2
        die "apt-get could not fetch the source of $name $package"
    fi
    echo "${package%-*}"
}
