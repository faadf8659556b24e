#!/usr/bin/env bash
# memdiverge compare: two nodes and no model. A node and itself have no differences; what another one
# says otherwise is told, short and grouped; its CAS values and its version are its own business.
set -euo pipefail
# shellcheck source=tests/shell.bash
source "$(dirname "$0")/shell.bash"
md=$MEMDIVERGE node=$MEMDIVERGE_NODE liar=$MEMDIVERGE_BAD_NODES/liar
moody=$MEMDIVERGE_BAD_NODES/moody
cd "$scratch"

# ---- usage ----
expect 2 'give two nodes' "$md" compare --time 1
expect 2 'give two nodes' "$md" compare --node "$node" --time 1
expect 2 'the third' "$md" compare --node "$node" --node "$node" --node "$node" --time 1
expect 2 'give traces to play, or --time' "$md" compare --node "$node" --node "$node"
expect 2 "no target 'moon'" "$md" compare --node "$node" --node "$node" --target moon --time 1
expect 3 'No such file' "$md" compare --node "$node" --node "$scratch/none" --time 1
trace bad.trace 'sned 0 "get a\r\n"'
expect 2 'bad\.trace:2:1: ' "$md" compare --node "$node" --node "$node" bad.trace
[[ ! -e memdiverge-compare ]] || fail 'a folder, though nothing was run'

# ---- a node and itself: traces with every symbol, options, the clock, restarts; and generated ones ----
expect 0 ' 0 differences' "$md" compare --node "$node" --node "$node" --out same \
    "$MEMDIVERGE_CORPUS/seeds/cas" "$MEMDIVERGE_CORPUS/seeds/ttl" "$MEMDIVERGE_CORPUS/restart"
expect 0 ' 0 differences' "$md" compare --node "$node" --node "$node" --out same --time 3 --seed 3 \
    --jobs 2
[[ -z $(ls -A same) ]] || fail "left behind: $(ls -A same)"

# ---- what is no difference: CAS values (also when a cas names one), the version ----
mkdir well
trace well/cas.trace 'send 0 "set k 0 0 1\r\nx\r\n"' 'send 0 "gets k\r\n"' \
    'send 0 "cas k 0 0 1 {cas k}\r\ny\r\ngets k\r\nversion\r\n"' \
    'send 0 "cas k 0 0 1 {base+1}\r\nz\r\n"'
expect 0 '^1 traces on memcached 1\.6\.[0-9]+ \(a\) and 1\.6\.18 \(b\).* 0 differences' \
    "$md" compare --node "$node" --node "$liar" --out well.out well

# ---- what is: told once for each kind, from the shortest trace ----
mkdir lies
trace lies/flags.trace 'send 1 "set zebra 5 0 5\r\nhello\r\nget zebra\r\n"' \
    'send 2 "set other 7 0 3\r\nabc\r\nversion\r\nget other\r\n"'
trace lies/again.trace 'send 0 "set k 7 0 1\r\nx\r\nget k\r\n"'
trace lies/count.trace 'send 0 "set n 0 0 1\r\n1\r\n"' 'send 0 "incr n 1\r\nget n\r\n"'
expect 1 ' 2 differences' "$md" compare --node "$node" --node "$liar" --out lies.out --jobs 2 lies
grep -q '^get.value.flags (2 traces)$' "$scratch/out" || fail 'flags'
grep -q '^incr.number.text (1 trace)$' "$scratch/out" || fail 'incr'
grep -qF '! a: "VALUE a 7 0\r\n\r\n"' "$scratch/out" || fail 'what a said'
grep -qF '! b: "VALUE a 8 0\r\n\r\n"' "$scratch/out" || fail 'what b said'
short=lies.out/differences/get.value.flags
[[ $(grep -c '^send' $short/shrunk.trace) == 1 ]] || { fail 'not shrunk'; cat $short/shrunk.trace; }
for file in trace shrunk.trace report.md; do
    [[ -s $short/$file ]] || fail "no $file"
done
grep -q 'VALUE a 8' $short/report.md || fail 'report.md'
[[ ! -e lies.out/found ]] || fail 'found stays'
# The shortest trace shows the same; the other way round it is the same difference.
expect 1 '^get.value.flags \(1 trace\)' \
    "$md" compare --node "$liar" --node "$node" --out again.out $short/shrunk.trace
expect 1 '"signature": "get.value.flags"' \
    "$md" compare --json --node "$node" --node "$liar" --out json.out lies
python=$(command -v python3 || true)
[[ -z $python ]] || "$python" -c 'import json,sys; json.load(open(sys.argv[1]))' "$scratch/out" ||
    fail '--json is not JSON'

# ---- a node that dies or hangs up on one side ----
mkdir moody
trace moody/crash.trace 'send 0 "version\r\n"' 'send 0 "crash\r\n"'
trace moody/close.trace 'send 0 "close\r\n"'
expect 1 'unknown.node-ok-died' "$md" compare --node "$node" --node "$moody" --out m.out moody
grep -q 'unknown.open-closed' "$scratch/out" || { fail 'close'; cat "$scratch/out"; }

finish
