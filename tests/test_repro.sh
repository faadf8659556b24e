#!/usr/bin/env bash
# What a maintainer gets: every finding of docs/findings-libmemcached-api.md has calls that one
# command runs and turns into a C program, which compiles and, on a memcached that was started as
# its first lines say, shows the same.
set -euo pipefail
# shellcheck source=tests/shell.bash
source "$(dirname "$0")/shell.bash"
md=$MEMDIVERGE
page=$here/../docs/findings-libmemcached-api.md
calls=$MEMDIVERGE_CORPUS/client
nodes=()

# ---- the page and the calls ----
ids=$(sed -n -e 's/^### \([a-z0-9-]*\):.*/\1/p' -e 's/^| \([a-z0-9-]*\) | .*/\1/p' "$page" |
    grep -vx -e id -e '---' | sort)
[[ $ids == "$(find "$calls" -name '*.calls' -printf '%f\n' | sed 's/\.calls$//' | sort)" ]] ||
    fail 'the page and corpus/client do not have the same ids'

# ---- each by one command ----
for id in $ids; do
    expect 0 "^$calls/$id.calls: $id \(known\)" \
        "$md" cluster --repro "$scratch/$id.c" "$calls/$id.calls"
    grep -q 'observed: ' "$scratch/out" || fail "$id: what the client returns is not shown"
    cc -Wall -Werror -o "$scratch/$id" "$scratch/$id.c" -lmemcached || fail "$id: does not compile"
done
expect 2 'repro is for one FILE, not 2' "$md" cluster --repro "$scratch/x.c" "$calls"/cas-zero-*.calls
expect 1 'add-exists-binary \(known\)' "$md" cluster --oracle strict "$calls/add-exists-binary.calls"
printf 'memcached_quit(m);\n' >"$scratch/well.calls"
expect 0 'well.calls: nothing diverged' "$md" cluster "$scratch/well.calls"
printf 'memcached_quit(m);\nmemcached_fly(m);\n' >"$scratch/bad.calls"
expect 2 'bad.calls:2: expected one of the calls' "$md" cluster "$scratch/bad.calls"
expect 2 'none.calls: No such file' "$md" cluster "$scratch/none.calls"

# ---- the programs ----
# shows ID WORDS: on new nodes; WORDS is an extended regular expression for the lines as one.
shows() {
    local id=$1 words=$2 sockets=() i
    for i in 1 2; do
        if ((i == 1)) || grep -q 'repro-2.sock' "$scratch/$id.c"; then
            sockets+=("$scratch/$id-$i.sock")
            "$MEMDIVERGE_NODE" -u "$(id -un)" -s "$scratch/$id-$i.sock" &
            nodes+=("$!")
        fi
    done
    expect 0 'another client' "$scratch/$id" "${sockets[@]}"
    tr '\n' ' ' <"$scratch/out" | grep -Eq -- "$words" || { fail "$id: no '$words'"; cat "$scratch/out"; }
}
shows unfetched-answers-next-binary 'memcached_touch\(m, "b", 1, 0\) +SUCCESS'
shows fetch-result-end 'memcached_fetch_result\(m, ...\) +NOT FOUND .*value NULL'
shows cas-zero-binary 'memcached_cas\([^)]*\) +SUCCESS'
shows exptime-cut-binary 'memcached_get\([^)]*\) +NOT FOUND'
shows fetch-cuts-key 'key of 3 bytes: 61 00 00'
shows noreply-lost-behind-unfetched 'another client, a .* value "x", 1 bytes'
for node in "${nodes[@]}"; do
    kill "$node"
    wait "$node" || :
done
expect 2 'usage: .* SOCKET' "$scratch/fetch-result-end"
expect 2 'no memcached answers on' "$scratch/fetch-result-end" "$scratch/none.sock"

finish
