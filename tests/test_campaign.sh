#!/usr/bin/env bash
# Campaigns: what they leave behind, that they are repeatable, that a divergence is found,
# confirmed, shrunk and written up so that others can see it, that Ctrl-C ends them with a summary.
set -euo pipefail
# shellcheck source=tests/shell.bash
source "$(dirname "$0")/shell.bash"
md=$MEMDIVERGE
out=$scratch/campaign
result() { tail -n 1 "$scratch/out"; }
# of TARGET NAME: a number in summary.json.
of() { sed -n "/\"$1\": {/,/}/s/.*\"$2\": \([0-9]*\).*/\1/p" "$out/summary.json" | head -n 1; }

# The same seed says the same, whatever the time of day.
expect 0 '^result: divergences=0 unconfirmed=0 commands=[1-9]' \
    "$md" run --engine random --seed 7 --runs 300 --jobs 2 --out "$out"
first=$(result)
[[ -s $out/summary.json ]] || fail 'no summary.json'
expect 0 '^result' "$md" run --engine random --seed 7 --runs 300 --jobs 2 --out "$out"
[[ $(result) == "$first" ]] || fail "the same seed gives '$(result)', not '$first'"
expect 0 '"schema": 1' "$md" run --engine random --seed 7 --runs 50 --json --out "$out"
expect 0 'get-hit +[1-9]' "$md" rules "$out/summary.json"

# Every target has its part, or the one that was asked for has all of it. Evictions are counted.
expect 0 '^targets +commands [1-9].*, eviction [1-9]' \
    "$md" run --engine random --seed 7 --runs 100 --jobs 1 --out "$out"
[[ $(of commands inputs) -gt 10 ]] || fail 'too few inputs of commands'
[[ $(of meta inputs) -gt 10 ]] || fail 'too few inputs of meta'
[[ $(of eviction inputs) -gt 2 ]] || fail 'too few inputs of eviction'
expect 0 '^evictions +[1-9][0-9,]* predicted, [1-9]' \
    "$md" run --engine random --target eviction --seed 7 --runs 20 --jobs 1 --out "$out"
[[ $(of eviction inputs) == 20 && -z $(of commands inputs) ]] ||
    fail 'not 20 inputs of eviction'
[[ $(of eviction evictions_confirmed) -gt 100 ]] || fail 'few evictions'
expect 2 "no target 'pressure'; there are: commands, eviction" "$md" run --target pressure

# A node that does not do what it should: here, one whose quirk is not allowed for.
expect 1 '^result: divergences=[1-9].* signature=' "$md" run --engine random --seed 1 --time 60 \
    --without-quirk gat-no-key --stop-after 1 --out "$out"
for dir in "$out"/divergences/*; do
    for file in trace shrunk.trace repro.sh report.md; do
        [[ -s $dir/$file ]] || fail "no $file in $dir"
    done
    expect 1 "$(basename "$dir")" "$md" replay --without-quirk gat-no-key "$dir/trace"
    expect 1 "$(basename "$dir")" "$md" replay --without-quirk gat-no-key "$dir/shrunk.trace"
    expect 0 'agree' "$md" replay "$dir/shrunk.trace"
    grep -q '^# ' "$dir/report.md" || fail 'report.md has no title'
    sh -n "$dir/repro.sh" || fail 'repro.sh is not a script'
done

# repro.sh on a node that knows nothing of memdiverge.
if command -v nc >/dev/null; then
    script=$(find "$out/divergences" -name repro.sh | head -n 1)
    expect 2 'no node answers' sh "$script" "$scratch/none.sock"
    "$MEMDIVERGE_NODE" -u root -s "$scratch/node.sock" -t 1 -U 0 &
    node=$!
    while [[ ! -S $scratch/node.sock ]]; do read -rt 0.05 <> <(:) || :; done
    expect 1 'the divergence shows' sh "$script" "$scratch/node.sock"
    kill "$node"
    wait "$node" || :
fi

# Ctrl-C: a summary, and 130.
"$md" run --engine random --jobs 2 --out "$scratch/interrupted" >"$scratch/out" 2>"$scratch/err" &
campaign=$!
while ! grep -q 'inputs/s' "$scratch/err"; do
    kill -0 "$campaign" 2>/dev/null || { fail 'ended by itself'; cat "$scratch/err"; break; }
    read -rt 0.1 <> <(:) || :
done
kill -INT "$campaign"
code=0
wait "$campaign" || code=$?
[[ $code == 130 ]] || fail "exit code $code after an interrupt"
grep -q '^result: divergences=0 unconfirmed=0' "$scratch/out" ||
    fail 'no summary after an interrupt'
[[ -s $scratch/interrupted/summary.json ]] || fail 'no summary.json after an interrupt'

# The guided engine, where it was built.
if [[ -x $(dirname "$md")/fuzz_commands ]]; then
    expect 0 '^result: divergences=0 unconfirmed=0' "$md" run --seed 3 --runs 2000 --out "$out.fuzz"
    [[ $(find "$out.fuzz/corpus" -type f | wc -l) -gt 50 ]] || fail 'no corpus was kept'
    [[ $(find "$out.fuzz/corpus/eviction" -type f | wc -l) -gt 5 ]] || fail 'no traces of eviction'
    expect 1 '^result: divergences=[1-9]' "$md" run --seed 3 --time 60 --stop-after 1 \
        --without-quirk bget --out "$out.fuzz"
fi
finish
