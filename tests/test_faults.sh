#!/usr/bin/env bash
# The planted faults are in order without planting any (scripts/mutation-score does that): every
# fault has its trace and both say the same, every trace agrees with a sound node, and the program
# that plants refuses what does not fit exactly once.
set -euo pipefail

faults=$(cd "$(dirname "$0")/faults" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
status=0
fail() { echo "$*"; status=1; }

for fault in "$faults"/*.fault; do
    trace=${fault%.fault}.trace
    [[ $(grep -m 1 '^#' "$fault") == $(grep -m 1 '^#' "$trace") ]] ||
        fail "$fault and $trace do not open with the same sentence"
    grep -q '^area: [a-z]*$' "$fault" || fail "$fault has no area"
done
[[ $(find "$faults" -name '*.trace' | wc -l) == $(find "$faults" -name '*.fault' | wc -l) ]] ||
    fail "a trace without a fault"

"$MEMDIVERGE" replay --node "$MEMDIVERGE_NODE" "$faults" || fail "a trace diverges on a sound node"

"${CC:-cc}" -o "$scratch/plant" "$faults/plant.c"
source=$scratch/a.c
{
    printf 'int one(int n);\n'
    printf 'int not_one(int n) {\n    return n > 1;\n}\n'
    printf 'int one(int n) {\n    return n > 1;\n}\n'
    printf 'int two(int n,\n        int m) {\n    n--;\n    n--;\n    return n > m + one(n);\n}\n'
} >"$source"
cp "$source" "$scratch/sound.c"

# plant FIELD VALUE ...: a fault that fits, with these fields instead.
plant() {
    local -A field=([area]=x [file]=a.c [in]=two [find]='n > m' [with]='n >= m')
    local name
    while (($#)); do field[$1]=$2; shift 2; done
    for name in area file in find with; do echo "$name: ${field[$name]}"; done >"$scratch/fault"
    "$scratch/plant" "$scratch/fault" "$scratch" 2>"$scratch/message"
}
refused() {
    local words=$1 result=0
    shift
    plant "$@" || result=$?
    [[ $result == 2 ]] || fail "not refused ($result): $*"
    grep -q "$words" "$scratch/message" || fail "no word of '$words': $(cat "$scratch/message")"
    cmp -s "$source" "$scratch/sound.c" || fail "refused and changed all the same: $*"
}
refused 'more than once' find 'n--'
refused 'is not in' find 'n > 1'
refused 'is not in' in one
refused 'has no function' in three
refused 'all needed' find ''
refused 'cannot open' file b.c
refused "without '/'" file ../a.c
refused 'expected' file "$(printf 'a.c\nnonsense')"
plant || fail "a fault that fits is refused: $(cat "$scratch/message")"
sed 's/n > m/n >= m/' "$scratch/sound.c" | cmp -s - "$source" || fail "planted in the wrong place"
cp "$scratch/sound.c" "$source"
plant in one find 'n > 1' with '' || fail "a dropped statement is refused"
sed '6s/n > 1//' "$scratch/sound.c" | cmp -s - "$source" || fail "not dropped, or not there"
exit "$status"
