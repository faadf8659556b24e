#!/usr/bin/env bash
# libmemcached's own check of a server, memccapable, passes completely against `memdiverge serve`.
# Skipped where there is no memccapable (scripts/setup unpacks Debian's).
set -euo pipefail
# shellcheck source=tests/shell.bash
source "$(dirname "$0")/shell.bash"
[[ -x ${MEMDIVERGE_MEMCCAPABLE:-} ]] || { echo 'no memccapable'; exit 77; }

mkfifo "$scratch/said"
"$MEMDIVERGE" serve --listen 127.0.0.1:0 >"$scratch/said" 2>"$scratch/err" &
server=$!
read -rt 20 line <"$scratch/said" || fail 'the server does not start'
expect 0 'All tests passed' "$MEMDIVERGE_MEMCCAPABLE" -h 127.0.0.1 -p "${line##*:}" -a
passed=$(grep -c '\[pass\]' "$scratch/out")
echo "$passed of memccapable's tests passed"
[[ $passed == 27 ]] || fail 'not 27 tests'
kill "$server"
wait "$server" || fail "the server ended with exit code $?"
finish
