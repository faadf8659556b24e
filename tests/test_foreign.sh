#!/usr/bin/env bash
# A quick part of memcached's own tests passes with the model in memcached's place, assertion by
# assertion as the real binary does. All of it: scripts/foreign-tests.
set -euo pipefail
# shellcheck source=tests/shell.bash
source "$(dirname "$0")/shell.bash"
run=("$here/../scripts/foreign-tests" --only model 1.6.18)
command -v perl >/dev/null || { echo 'no perl'; exit 77; }
[[ -d $here/../build/deps/memcached-1.6.18/source/t ]] || { echo 'no source package'; exit 77; }

expect 0 '1.6.18 model: 12 of 12 files, 122 of 122 assertions' "${run[@]}" --quick

# A server that does not serve fails.
expect 0 'usage: scripts/foreign-tests' "$here/../scripts/foreign-tests" --help
expect 2 'unknown option' "$here/../scripts/foreign-tests" --slow
printf '#!/bin/sh\nexit 1\n' >"$scratch/none"
chmod +x "$scratch/none"
MEMDIVERGE=$scratch/none expect 1 'FAIL 0 43 cas.t' "${run[@]}" --file cas.t
finish
