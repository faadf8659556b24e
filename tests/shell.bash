# shellcheck shell=bash
# For the shell tests of the program: runs it, checks exit code and words, and that nothing is left.
# Sourced. Nodes live below $scratch, so whatever is of this test can be told from everything else.

scratch=$(mktemp -d)
mkdir "$scratch/tmp"
export TMPDIR=$scratch/tmp
status=0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${MEMDIVERGE:?}" "${MEMDIVERGE_NODE:?}"
# A leak of the program is a fault; a node's is not ours.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1}
MEMDIVERGE_CORPUS=${MEMDIVERGE_CORPUS:-$here/../corpus}
export MEMDIVERGE_CORPUS

cleanup() { rm -rf "$scratch"; }
trap cleanup EXIT
trap 'echo "FAILED: ${BASH_SOURCE[0]}:$LINENO: $BASH_COMMAND"' ERR

fail() { echo "FAILED: $*"; status=1; }

# expect CODE WORDS COMMAND...: WORDS is an extended regular expression for stdout and stderr.
expect() {
    local code=$1 words=$2 result=0
    shift 2
    timeout -k 5 90 "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || result=$?
    [[ $result == "$code" ]] ||
        { fail "exit code $result, not $code: $*"; tail -n 20 "$scratch/err"; }
    cat "$scratch/out" "$scratch/err" >"$scratch/both"
    grep -Eq -- "$words" "$scratch/both" ||
        { fail "no word of '$words': $*"; tail -n 20 "$scratch/both"; }
    ! grep -Eq 'AddressSanitizer|LeakSanitizer|runtime error:' "$scratch/err" ||
        { fail "a sanitizer's report: $*"; cat "$scratch/err"; }
}

# One message, which says it once.
one_message() {
    [[ $(grep -c '^memdiverge' "$scratch/err") == 1 ]] ||
        { fail "not one message"; cat "$scratch/err"; }
}

# Processes of this test (their command lines name its folder), by id.
processes() {
    local p
    for p in /proc/[0-9]*; do
        if [[ ${p#/proc/} != "$$" ]] && grep -qF "$scratch" "$p/cmdline" 2>/dev/null; then
            echo "${p#/proc/} $(tr '\0' ' ' <"$p/cmdline" 2>/dev/null)"
        fi
    done
}

# Waits (at most 10 s) until nothing of this test runs.
gone() {
    local end=$((SECONDS + 10))
    while [[ -n $(processes) ]]; do
        if ((SECONDS > end)); then
            fail "left running: $(processes)"
            return
        fi
        read -rt 0.1 <> <(:) || :
    done
    # A process that ends loses its command line before it gives back its locks.
    local lock
    for lock in "$TMPDIR"/memdiverge-node-*/lock "$scratch"/*/.memdiverge-campaign; do
        [[ ! -f $lock ]] || flock -w 10 "$lock" true || fail "still locked: $lock"
    done
}

nothing_left() {
    gone
    [[ -z $(ls -A "$TMPDIR") ]] || fail "left in the temporary folder: $(ls -A "$TMPDIR")"
}

# trace NAME LINE...: a trace file below $scratch.
trace() {
    local file=$scratch/$1
    shift
    { echo 'memdiverge-trace 1'; printf '%s\n' "$@"; } >"$file"
}

finish() {
    nothing_left
    exit "$status"
}
