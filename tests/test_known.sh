#!/usr/bin/env bash
# Each trace of corpus/known shows its own quirk on memcached 1.6.18 when held to the specification, and
# nothing when the quirk is allowed for; each quirk has its trace. One cannot be predicted at all: there
# the exact oracle stops, and the strict one sees the damage.
set -u
md=$MEMDIVERGE known=$MEMDIVERGE_CORPUS/known status=0
fail() { echo "FAILED: $*"; status=1; }

ids=$("$md" rules | awk '/^Quirks/ { on = 1; next } /^[A-Z]/ { on = 0 } on && NF { print $1 }')
[[ $ids == *counter-blank* ]] || fail "memdiverge rules lists no quirks: $ids"
for id in $ids; do
    trace=$known/$id.trace
    [[ -f $trace ]] || { fail "no $trace"; continue; }
    "$md" replay --node "$MEMDIVERGE_NODE" "$trace" >/dev/null || fail "$id: diverges in exact mode"
    said=$("$md" replay --oracle strict --node "$MEMDIVERGE_NODE" "$trace") && fail "$id: not seen"
    [[ $id == append-reads-outside || $said == *"quirk.$id"* ]] || fail "$id: $said"
done
for trace in "$known"/*.trace; do
    [[ $ids == *"$(basename "$trace" .trace)"* ]] || fail "$trace belongs to no quirk"
done
exit "$status"
