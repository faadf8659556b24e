#!/usr/bin/env bash
# The command line: help, usage errors, replay, show, shrink, rules, and their exit codes.
set -euo pipefail
# shellcheck source=tests/shell.bash
source "$(dirname "$0")/shell.bash"
md=$MEMDIVERGE

# ---- usage ----
expect 2 'usage: memdiverge COMMAND' "$md"
expect 2 "there is no command 'fly'" "$md" fly
expect 0 'usage: memdiverge COMMAND' "$md" --help
expect 0 '^memdiverge [0-9]' "$md" --version
for command in run replay show shrink rules; do
    expect 0 'Usage: memdiverge '$command "$md" "$command" --help
    expect 2 "--nonsense" "$md" "$command" --nonsense
done
expect 2 'whole number from 1' "$md" run --time soon
expect 2 'whole number from 1' "$md" run --jobs 0
expect 2 'whole number' "$md" run --seed -1
expect 2 'exact, strict or protocol' "$md" run --oracle delphi
expect 2 "no quirk 'nonsense'" "$md" run --without-quirk nonsense
expect 2 'random or libfuzzer' "$md" run --engine steam
expect 2 "no target 'moon'" "$md" run --target moon
expect 2 'one word too many' "$md" run ./memcached
expect 2 'give one of them' "$md" run --node "$MEMDIVERGE_NODE" --connect localhost:1
expect 2 'give a FILE' "$md" replay
expect 2 'give a FILE' "$md" show
expect 2 'one FILE' "$md" show a b
expect 2 'give a FILE' "$md" shrink

# No option of `cluster` that does nothing, and one way of running at a time.
for option in jobs engine target profile without-quirk connect; do
    expect 2 "unrecognized option '--$option" "$md" cluster "--$option=x"
    ! grep -qE -- "^ +(-[a-zA-Z], )?--$option" <("$md" cluster --help) || fail "cluster --help lists --$option"
done
expect 2 'placement has no use for --hash' "$md" cluster --placement --hash md5
expect 2 'placement has no use for --nodes' "$md" cluster --placement --nodes 3
expect 2 'placement has no use for --out' "$md" cluster --placement --out "$scratch/x"
expect 2 'config-endpoint has no use for --json' "$md" cluster --config-endpoint localhost:1 --json
expect 2 'config-endpoint has no use for --keys' "$md" cluster --config-endpoint localhost:1 --keys 20000
expect 2 'running a FILE has no use for --time' "$md" cluster --time 3 "$scratch/x.trace"
expect 2 'running a FILE has no use for --hash' "$md" cluster --hash md5 "$scratch/x.trace"
expect 2 'a file of calls has no use for --node-arg' "$md" cluster --node-arg=-C x.calls
expect 2 'give one of them' "$md" cluster --placement "$scratch/x.trace"
expect 2 'give one of them' "$md" cluster --placement --config-endpoint localhost:1
expect 2 'give one of them' "$md" cluster --config-endpoint localhost:1 "$scratch/x.trace"
expect 2 'repro is for one FILE, not 0' "$md" cluster --repro "$scratch/x.c"
expect 2 'whole number from 1000' "$md" cluster --placement --keys 999
expect 0 'keys' "$md" cluster --placement --keys 1000 --cases 1
expect 2 'campaign without --placement has no use for --keys' "$md" cluster --keys 20000

# ---- rules ----
expect 0 'get-hit.*DOC' "$md" rules
expect 0 'bget' "$md" rules
expect 0 '"schema": 1' "$md" rules --json
python=$(command -v python3 || true)
[[ -z $python ]] || "$python" -c 'import json,sys; json.load(open(sys.argv[1]))' "$scratch/out" ||
    fail 'rules --json is not JSON'
expect 2 'No such file|unable to open' "$md" rules "$scratch/none.json"
echo '{}' >"$scratch/other.json"
expect 2 'not the summary.json' "$md" rules "$scratch/other.json"

# ---- replay ----
mkdir -p "$scratch/corpus/b/c" "$scratch/corpus/.hidden" "$scratch/empty"
trace corpus/z.trace 'send 0 "get a\r\n"'
trace corpus/b/c/a.trace 'send 0 "set a 0 0 1\r\nx\r\nget a\r\n"'
trace corpus/.hidden/x.trace 'nonsense'
echo 'not a trace' >"$scratch/corpus/README"
expect 0 '^2 of 2 traces .*2 agree, 0 diverge$' "$md" replay "$scratch/corpus"
expect 0 'b/c/a.trace: agrees' "$md" replay -v "$scratch/corpus"
[[ $(grep -n 'a.trace: agrees' "$scratch/out" | cut -d: -f1) -lt \
    $(grep -n 'z.trace: agrees' "$scratch/out" | cut -d: -f1) ]] || fail 'not in the order of names'
expect 2 'no traces' "$md" replay "$scratch/empty"
expect 2 'No such file' "$md" replay "$scratch/corpus" "$scratch/none"
expect 2 'neither a file nor a folder' "$md" replay /dev/null

# Nothing is run when one of them cannot be.
trace bad.trace 'send 0 "get a\r\n"' 'sned 0 "get a\r\n"'
expect 2 'bad\.trace:3:1: ' "$md" replay "$scratch/corpus" "$scratch/bad.trace"
[[ ! -s $scratch/out ]] || fail 'something was run'
expect 2 'bad\.trace:3:1: ' "$md" show "$scratch/bad.trace"
expect 2 'bad\.trace:3:1: ' "$md" shrink "$scratch/bad.trace"
trace options.trace 'node -l 0.0.0.0' 'send 0 "get a\r\n"'
expect 2 'options\.trace:2:[0-9]+: -l is not allowed in a trace: memdiverge chooses where' \
    "$md" replay "$scratch/options.trace"
expect 2 'node-arg: -d is not allowed' "$md" replay --node-arg=-d "$scratch/corpus"
expect 0 '2 agree' "$md" replay --node-arg=-I --node-arg=2m "$scratch/corpus"
trace large.trace 'send 0 "set a 0 0 1500000\r\n{fill 1500000 61}\r\nget a\r\n"'
expect 0 'VALUE a 0 1500000' "$md" show --node-arg=-I2m "$scratch/large.trace"
expect 0 'SERVER_ERROR object too large' "$md" show "$scratch/large.trace"

# A divergence: this node has a quirk that we do without.
trace bget.trace 'send 1 "set zebra 7 100 5\r\nhello\r\nget zebra\r\n"' 'clock 3' \
    'send 2 "version\r\nbget zebra\r\nget zebra\r\n"'
expect 1 'bget.trace: step 3: .*expected "ERROR' "$md" replay --without-quirk bget \
    --junit "$scratch/junit.xml" "$scratch/corpus" "$scratch/bget.trace"
grep -q '3 traces\|^3 of 3 .*2 agree, 1 diverge$' "$scratch/out" || fail 'the total'
grep -q 'tests="3" failures="1" errors="0" skipped="0"' "$scratch/junit.xml" || fail 'junit totals'
grep -q '<failure message=".*bget.trace: step 3' "$scratch/junit.xml" || fail 'junit failure'
! command -v xmllint >/dev/null || xmllint --noout "$scratch/junit.xml" || fail 'junit is not XML'
expect 3 'cannot write' "$md" replay --junit "$scratch/none/junit.xml" "$scratch/corpus"
expect 1 '"diverged": 1' "$md" replay --json --without-quirk bget "$scratch/bget.trace"
expect 1 'this node has quirk bget' \
    "$md" replay --oracle strict "$MEMDIVERGE_CORPUS/known/bget.trace"
expect 0 'agree' "$md" replay "$MEMDIVERGE_CORPUS/known/bget.trace"

# ---- show ----
expect 0 '^agrees' "$md" show "$scratch/bget.trace"
expect 1 '! expected: "ERROR' "$md" show --without-quirk bget "$scratch/bget.trace"
! grep -q $'\033' "$scratch/out" || fail 'colours in a file'
trace reason.trace 'send 0 "set k 0 30 1\r\nx\r\n"' 'clock 31' 'send 0 "get k\r\n"'
expect 0 'END.*expired' "$md" show "$scratch/reason.trace"

# ---- shrink ----
expect 2 'does not diverge' "$md" shrink "$scratch/bget.trace"
expect 0 '2 commands|1 commands' "$md" shrink --without-quirk bget "$scratch/bget.trace"
grep -q '"bget a' "$scratch/out" || { fail 'not shrunk'; cat "$scratch/out"; }
[[ $(grep -c '^send' "$scratch/out") == 1 ]] || fail 'not one send'
cp "$scratch/out" "$scratch/once.trace"
expect 0 'runs in' "$md" shrink --without-quirk bget -o "$scratch/twice.trace" "$scratch/once.trace"
cmp -s "$scratch/once.trace" "$scratch/twice.trace" || fail 'a second shrink changes something'
expect 2 'does not diverge with get.nonsense' "$md" shrink --without-quirk bget \
    --signature get.nonsense "$scratch/bget.trace"
expect 3 'cannot write' "$md" shrink --without-quirk bget -o "$scratch/none/x" "$scratch/once.trace"

finish
