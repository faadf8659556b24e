#!/usr/bin/env bash
# The world going wrong: each time one clear message, the right exit code, and nothing left behind.
set -euo pipefail
# shellcheck source=tests/shell.bash
source "$(dirname "$0")/shell.bash"
md=$MEMDIVERGE
bad=${MEMDIVERGE_BAD_NODES:?}
run=("$md" run --engine random --jobs 1 --runs 20)

# A hang takes as long as its deadline, twice: meanwhile, the rest.
trace hang.trace 'send 0 "hang\r\n"'
"$md" replay --node "$bad/moody" "$scratch/hang.trace" >"$scratch/hang" 2>&1 &
hang=$!

# A node that spins takes three deadlines, longer than its campaign: nothing may be lost by that.
"$md" run --engine random --jobs 1 --time 3 --node "$bad/spins" --out "$scratch/spun" \
    >"$scratch/spins" 2>&1 &
spins=$!
# Nor is it nothing when a worker never ends.
"$md" run --engine random --jobs 1 --time 1 --out "$scratch/late" >"$scratch/late.out" 2>&1 &
late=$!
while [[ ! -e $scratch/late/log/worker-0.log ]]; do read -rt 0.05 <> <(:) || :; done
read -r worker _ <"/proc/$late/task/$late/children" || : # has no line end
kill -STOP "$worker"

# ---- the node ----
trace get.trace 'send 0 "get a\r\n"'
for command in "${run[*]} --out $scratch/o" "$md replay $scratch/get.trace" \
    "$md show $scratch/get.trace" "$md shrink $scratch/get.trace"; do
    read -ra words <<<"$command"
    expect 3 "$scratch/none: No such file" "${words[@]}" --node "$scratch/none"
    one_message
    expect 3 'get.trace: not executable' "${words[@]}" --node "$scratch/get.trace"
    one_message
    expect 3 'exits.* ended before it listened .*cannot allocate the universe' \
        "${words[@]}" --node "$bad/exits"
    one_message
done
expect 3 'not a file' "${run[@]}" --node "$scratch" --out "$scratch/o"
expect 3 'no memcached in PATH' env -u MEMDIVERGE_NODE PATH=/nowhere "${run[@]}" --out "$scratch/o"
for node in garbage mute hangup flood; do
    expect 3 "^memdiverge: node .*/$node: " "${run[@]}" --node "$bad/$node" --out "$scratch/o"
    one_message
done
expect 3 'does not follow the clock' "${run[@]}" --node "$bad/own_clock" --out "$scratch/o"
expect 3 'does not load the clock shim' "${run[@]}" --node "$bad/static" --out "$scratch/o"
expect 3 'cannot connect' "$md" replay --connect "$scratch/none.sock" "$scratch/get.trace"
expect 2 'give --connect' "$md" run --oracle protocol --node "$MEMDIVERGE_NODE" --out "$scratch/o"

# A node that goes wrong later: a divergence with its last words, not a failure of ours.
for what in crash exit close flood; do
    trace "$what.trace" "send 0 \"$what\\r\\n\""
    expect 1 "$what.trace: step 1: (node\\.|connection\\.|unknown.reply.missing)" \
        "$md" replay --node "$bad/moody" "$scratch/$what.trace"
done
trace last.trace 'send 0 "last\r\n"'
expect 1 'these are the last words' "$md" show --node "$bad/noisy" "$scratch/last.trace"
[[ $(wc -c <"$scratch/out") -lt 200000 ]] || fail 'a flood of stderr is passed on'

# ---- the input ----
truncate -s 1G "$scratch/giant.trace"
before=$SECONDS
expect 2 'giant.trace' "$md" replay "$scratch/giant.trace"
one_message
expect 2 'giant.trace' "$md" show "$scratch/giant.trace"
((SECONDS - before < 5)) || fail 'a giant file was read'
mkfifo "$scratch/pipe"
expect 2 'neither a file nor a folder' "$md" replay "$scratch/pipe"
head -c 100000 /dev/urandom >"$scratch/noise.trace"
expect 2 'noise.trace:1:1: ' "$md" replay "$scratch/noise.trace"
one_message

# ---- the output ----
expect 3 'get.trace' "${run[@]}" --out "$scratch/get.trace/o"
one_message
expect 3 '/proc/none' "${run[@]}" --out /proc/none
one_message
mkdir "$scratch/full"
echo mine >"$scratch/full/file"
expect 2 'not of a campaign' "${run[@]}" --out "$scratch/full"
[[ $(ls -A "$scratch/full") == file ]] || fail "something was written into a foreign folder"
if [[ -w /dev/full ]]; then
    expect 3 'cannot write to stdout' sh -c '"$@" >/dev/full' - "$md" rules
fi

expect 3 'limit on file sizes' bash -c 'ulimit -f 1; exec "$@"' - "${run[@]}" --out "$scratch/limit"
one_message
# A full disk: what could be written is kept, and nothing half.
mkdir "$scratch/disk"
if mount -t tmpfs -o size=160k tmpfs "$scratch/disk" 2>/dev/null; then
    trap 'umount "$scratch/disk"; cleanup' EXIT
    expect 3 'cannot write .*No space left on device; free some space' "$md" run --engine random \
        --jobs 1 --time 60 --without-quirk bget --out "$scratch/disk/o"
    grep -q '^result' "$scratch/out" || fail 'no summary on a full disk'
    [[ -z $(find "$scratch/disk" -name '*.tmp') ]] || fail 'half a file'
    find "$scratch/disk" -name '*.trace' ! -path '*/crashed/*' >"$scratch/kept"
    while read -r file; do
        "$md" show "$file" >/dev/null 2>&1 || [[ $? == 1 ]] || fail "not whole: $file"
    done <"$scratch/kept"
    umount "$scratch/disk"
    trap cleanup EXIT
else
    echo 'note: no tmpfs may be mounted here: a full disk was not tried'
fi

# ---- two campaigns in one folder ----
"$md" run --engine random --jobs 1 --out "$scratch/shared" >"$scratch/out1" 2>"$scratch/err1" &
first=$!
while [[ ! -e $scratch/shared/log/worker-0.log ]]; do read -rt 0.05 <> <(:) || :; done
expect 2 'another campaign is at work' "${run[@]}" --out "$scratch/shared"
one_message
kill -TERM "$first"
code=0
wait "$first" || code=$?
[[ $code == 130 ]] || fail "the first campaign ended with $code"
grep -q '^result' "$scratch/out1" || fail 'no summary of the first campaign'
expect 0 '^result' "${run[@]}" --out "$scratch/shared"

# ---- a worker is killed ----
"$md" run --engine random --jobs 1 --time 5 --out "$scratch/killed" \
    >"$scratch/out1" 2>"$scratch/err1" &
campaign=$!
# Its log is there: the node that was tried first is gone, the one child is the worker.
while [[ ! -e $scratch/killed/log/worker-0.log ]]; do read -rt 0.05 <> <(:) || :; done
read -r worker _ <"/proc/$campaign/task/$campaign/children" || : # has no line end
read -rt 1 <> <(:) || :
kill -KILL "$worker"
wait "$campaign" || fail "a killed worker ends the campaign with $?"
grep -q 'killed by somebody else and started again' "$scratch/out1" || fail 'not counted'
ls "$scratch"/killed/crashed/*.trace >/dev/null || fail 'what it was running is not kept'

code=0
wait "$hang" || code=$?
[[ $code == 1 ]] || fail "exit code $code for a node that hangs"
grep -q 'hang.trace: step 1: node.hangs' "$scratch/hang" || { fail 'a hang'; cat "$scratch/hang"; }

while ! compgen -G "$scratch/spun/found/node.busy*.trace" >/dev/null &&
    kill -0 "$spins" 2>/dev/null; do read -rt 0.1 <> <(:) || :; done
# Looking into it takes many deadlines more: the second interrupt ends that.
while kill -INT "$spins" 2>/dev/null; do read -rt 0.3 <> <(:) || :; done
code=0
wait "$spins" || code=$?
[[ $code == 1 ]] || { fail "exit code $code for a node that spins"; cat "$scratch/spins"; }
compgen -G "$scratch/spun/found/node.busy*.trace" >/dev/null || fail 'an endless loop is lost'
code=0
wait "$late" || code=$?
[[ $code == 3 ]] || fail "exit code $code for a worker that never ends"
grep -q 'worker 0 did not end .*late/crashed' "$scratch/late.out" || fail 'not told of it'
ls "$scratch"/late/crashed/*.trace >/dev/null || fail 'what the late worker was running is lost'
nothing_left

# ---- kill -9 of everything, at any moment ----
for delay in 0.02 0.1 0.2 0.4 0.7 1.1; do
    "$md" run --engine random --jobs 2 --without-quirk bget --out "$scratch/nine" \
        >/dev/null 2>&1 &
    campaign=$!
    read -rt "$delay" <> <(:) || :
    kill -KILL "$campaign"
    wait "$campaign" 2>/dev/null || :
    gone
done
# The next start takes up what was left: folders of nodes, and traces that nobody has looked into,
# here one of what a campaign of one input does not find by itself.
left=("$md" run --engine random --seed 1 --jobs 1 --runs 1 --without-quirk bget)
expect 0 '^result: divergences=0' "${left[@]}" --out "$scratch/left"
trace bget.trace 'send 0 "bget a\r\n"'
expect 1 'step 1: ' "$md" replay --without-quirk bget "$scratch/bget.trace"
signature=$(sed -n 's/.*: step 1: \([^:]*\): .*/\1/p' "$scratch/out")
mkdir -p "$scratch/left/found"
cp "$scratch/bget.trace" "$scratch/left/found/$signature-0-0.trace"
expect 1 '^result: divergences=1 ' "${left[@]}" --out "$scratch/left"
[[ -s $scratch/left/divergences/$signature/shrunk.trace ]] || fail 'not written up'
[[ ! -e $scratch/left/found ]] || fail 'looked into, and still there'
expect 1 '^result: divergences=[1-9]' "$md" run --engine random --jobs 1 --time 30 --stop-after 1 \
    --without-quirk bget --out "$scratch/nine"
finish
