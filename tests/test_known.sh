#!/usr/bin/env bash
# Each quirk has a trace in corpus/known. On a version that has the quirk the trace shows it when held to
# the specification, and nothing when the quirk is allowed for; a version that does not have it is not
# said to. One cannot be predicted at all: there the exact oracle stops, and the strict one sees the
# damage. scripts/test-versions runs this for other versions than that of the tests.
set -u
md=$MEMDIVERGE known=$MEMDIVERGE_CORPUS/known status=0
fail() { echo "FAILED: $*"; status=1; }

quirks=$("$md" rules | awk '/^Quirks/ { on = 1; next } /^[A-Z]/ { on = 0 } on && NF')
[[ $quirks == *counter-blank* ]] || fail "memdiverge rules lists no quirks: $quirks"
version=$("$md" replay --node "$MEMDIVERGE_NODE" "$known/bget.trace" |
    sed -n 's/.*on memcached \([0-9.]*\).*/\1/p')
[[ $version == 1.* ]] || fail "no version: $version"

# Whether the version is in a range like 1.6.18-1.6.38.
in_range() {
    printf '%s\n' "${1%-*}" "$version" "${1#*-}" | sort -VC
}

while read -r line; do
    id=${line%% *}
    range=$(sed -n 's/.*; versions: \([0-9.-]*\);.*/\1/p' <<<"$line")
    trace=$known/$id.trace
    [[ -n $range ]] || fail "$id: no range of versions: $line"
    [[ -f $trace ]] || { fail "no $trace"; continue; }
    "$md" replay --node "$MEMDIVERGE_NODE" "$trace" >/dev/null || fail "$id: diverges in exact mode"
    result=0
    said=$("$md" replay --oracle strict --node "$MEMDIVERGE_NODE" "$trace") || result=$?
    if [[ $id == append-reads-outside ]] && in_range "$range"; then
        [[ $result == 1 ]] || fail "$id: not seen"
    elif in_range "$range"; then
        [[ $result == 1 && $said == *"quirk.$id"* ]] || fail "$id: not seen: $said"
    else
        [[ $said != *"quirk.$id"* ]] || fail "$id: $version has it, but is not in $range"
    fi
done <<<"$quirks"
for trace in "$known"/*.trace; do
    grep -q "^ *$(basename "$trace" .trace) " <<<"$quirks" || fail "$trace belongs to no quirk"
done
exit "$status"
