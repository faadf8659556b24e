#!/usr/bin/env bash
# `memdiverge cluster --config-endpoint` against real nodes, with a memcached as the endpoint that
# has the list under the key that older clients ask for. Names as ElastiCache gives them, nodes that
# are dead or hang, nodes that are elsewhere, names that lie.
set -euo pipefail
# shellcheck source=tests/shell.bash
source "$(dirname "$0")/shell.bash"
md=$MEMDIVERGE
started=()

# start NAME PROGRAM: a memcached on a free port of 127.0.0.1, which goes into $port.
start() {
    local file=$scratch/$1.port end=$((SECONDS + 20))
    MEMCACHED_PORT_FILENAME=$file "$2" -u "$(id -un)" -l 127.0.0.1 -p -1 -U 0 &
    started+=("$!")
    while [[ ! -s $file ]]; do
        ((SECONDS < end)) || { fail "$1 does not start"; exit 1; }
        read -rt 0.05 <> <(:) || :
    done
    port=$(sed -n 's/^TCP INET: //p' "$file")
}

# lists VERSION NODE...: what the endpoint says from now on.
lists() {
    local list reply
    list=$(printf '%s\n%s' "$1" "${*:2}")
    exec 7<>"/dev/tcp/127.0.0.1/$endpoint"
    printf 'set AmazonElastiCache:cluster 0 0 %d\r\n%s\n\r\n' $((${#list} + 1)) "$list" >&7
    read -r reply <&7
    exec 7>&-
    [[ $reply == STORED* ]] || fail "the endpoint says $reply"
}

start endpoint "$MEMDIVERGE_NODE"
endpoint=$port
start one "$MEMDIVERGE_NODE"
one=$port
start two "$MEMDIVERGE_NODE"
two=$port
start gone "$MEMDIVERGE_NODE"
gone=$port
kill "${started[3]}"
wait "${started[3]}" || :
follow=("$md" cluster --seed 1 --config-endpoint "localhost:$endpoint")

# By name, as ElastiCache gives it.
lists 1 "localhost|127.0.0.1|$one localhost|127.0.0.1|$two"
expect 0 '64 keys written, found on the node that the model names, and removed$' "${follow[@]}"
grep -q "localhost:$one [0-9]*, memcached 1\." "$scratch/out" || fail 'the version of a node'

# A dead node is a finding, and the others are looked at all the same.
lists 2 "localhost|127.0.0.1|$one localhost|127.0.0.1|$gone localhost||$two"
expect 1 "localhost:$gone [0-9]*, NOT THERE: .*cannot connect" "${follow[@]}" --time 2
grep -Eq '^  [0-9]+ keys written, found on the node that' "$scratch/out" || fail 'the living nodes'
grep -Eq '^  [0-9]+ keys belong to nodes that are not there' "$scratch/out" || fail 'the keys left out'

# One that takes connections and says nothing.
kill -STOP "${started[2]}"
lists 3 "localhost|127.0.0.1|$two"
expect 1 "localhost:$two [0-9]*, NOT THERE: .*did not answer within 3000 ms" "${follow[@]}"
kill -CONT "${started[2]}"

# Elsewhere: by address, or by what the name means here. Nothing is written.
lists 4 "localhost|192.0.2.1|$one"
expect 0 "no key is written, since these are not on this machine: localhost = 192.0.2.1$" "${follow[@]}"
! grep -q 'keys written' "$scratch/out" || fail 'keys were written elsewhere'
lists 5 "nowhere.invalid|127.0.0.1|$one"
expect 1 'not on this machine: nowhere.invalid = 127.0.0.1$' "${follow[@]}"

# Ctrl-C ends following at once.
lists 6 "localhost|127.0.0.1|$one"
"${follow[@]}" --time 60 >"$scratch/out" 2>&1 &
pid=$! end=$((SECONDS + 30)) code=0
while ! grep -q 'keys written' "$scratch/out" && ((SECONDS < end)); do
    read -rt 0.1 <> <(:) || :
done
kill -INT "$pid"
wait "$pid" || code=$?
[[ $code == 130 ]] || { fail "exit code $code after Ctrl-C"; cat "$scratch/out"; }

for i in 0 1 2; do
    kill "${started[$i]}"
    wait "${started[$i]}" || :
done
finish
