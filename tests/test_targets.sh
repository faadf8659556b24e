#!/usr/bin/env bash
# `memdiverge run --target client|placement|cluster`: by one command, with a corpus, results in
# --out, and an exit code that tells. With the strict oracle, what is known counts as found.
set -euo pipefail
# shellcheck source=tests/shell.bash
source "$(dirname "$0")/shell.bash"
md=$MEMDIVERGE
run=("$md" run --node "$MEMDIVERGE_NODE" --seed 1)

# ---- usage ----
expect 2 'target client has no use for --jobs' "$md" run --target client --jobs 2
expect 2 'target placement has no use for --engine' "$md" run --target placement --engine random
expect 2 'target cluster has no use for --profile' "$md" run --target cluster --profile 1.4.0
expect 2 'target client has no use for --node-arg' "$md" run --node-arg=-C --target client

# ---- cluster: one of the commands' own ----
expect 0 'cluster: 2 traces' "${run[@]}" --target cluster --runs 2 --out "$scratch/cluster"

if [[ ! -x $(dirname "$md")/fuzz_client ]]; then
    echo 'no libFuzzer targets in this build: the rest is skipped'
    finish
fi

# ---- client ----
expect 0 'result: divergences=0 unconfirmed=0' \
    "${run[@]}" --target client --runs 60 --out "$scratch/client"
corpus=("$MEMDIVERGE_CORPUS"/client/*.calls)
[[ $(find "$scratch/client/corpus/client" -type f | wc -l) -ge ${#corpus[@]} ]] ||
    fail 'the calls of the corpus are not where it starts'
grep -q '"target": "client"' "$scratch/client/summary.json" || fail 'no summary of the client'
expect 1 'divergence: ' "${run[@]}" --target client --oracle strict --stop-after 2 --json \
    --out "$scratch/strict"
grep -q '"divergences": 2' "$scratch/out" || fail 'the summary as JSON'
for file in found.calls input calls repro.c report.txt; do
    [[ $(find "$scratch/strict/divergences" -name "$file" -size +0 | wc -l) == 2 ]] ||
        fail "not both divergences have $file"
done
expect 2 'holds files that are not of a campaign' "${run[@]}" --target client --out "$scratch"
expect 3 'No such file' "$md" run --node "$scratch/none" --target client --out "$scratch/none.out"

# Ctrl-C, which a terminal sends to the client's process too: an interrupt, and no crash of it.
setsid "${run[@]}" --target client --out "$scratch/ctrl" >"$scratch/out" 2>&1 &
pid=$! end=$((SECONDS + 60)) code=0
while (($(find "$scratch/ctrl/corpus" -type f 2>/dev/null | wc -l) <= ${#corpus[@]})); do
    ((SECONDS < end)) || { fail 'nothing new in the corpus'; break; }
    read -rt 0.1 <> <(:) || :
done
read -ra children <"/proc/$pid/task/$pid/children" || :
for child in "${children[@]}"; do
    [[ $(readlink "/proc/$child/exe") != */fuzz_client ]] || kill -INT "$child"
done
kill -INT -- "-$pid"
wait "$pid" || code=$?
[[ $code == 130 ]] || { fail "exit code $code after Ctrl-C"; tail "$scratch/out"; }
grep -q 'result: divergences=0 unconfirmed=0' "$scratch/out" || fail 'no summary after Ctrl-C'

# ---- placement ----
expect 0 'result: divergences=0 unconfirmed=0 inputs=[0-9]+' \
    "${run[@]}" --target placement --runs 500 --out "$scratch/placement"
expect 1 'result: divergences=1' "${run[@]}" --target placement --oracle strict --stop-after 1 \
    --out "$scratch/known"
[[ -s $(echo "$scratch"/known/divergences/placement.*/report.txt) ]] || fail 'no report of it'

finish
