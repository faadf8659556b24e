# The table of scripts/mutation-score. Reads one line for each campaign, those of a fault together:
#   NAME AREA SEED SHOWN EXIT-CODE result: divergences=N first_after=S shrunk_commands=N signature=S
# Exits with 0 if every fault was found with every seed and the sound build was silent, 3 if a
# campaign ended in another way than with a result, else 1.

function value(name,    i) {
    for (i = 6; i <= NF; i++)
        if (index($i, name "=") == 1)
            return substr($i, length(name) + 2)
    return ""
}

# The cell of one campaign, and what it means for the totals.
function cell(name, status, found,    after) {
    if (value("divergences") == "" || status > 1 || (found > 0) != (status == 1)) {
        broken++
        return "error " status
    }
    if (name == "sound") {
        if (found) { alarms++; return "ALARM" }
        return "silent"
    }
    campaigns++
    if (!found) { missed[name] = 1; return "missed" }
    hits++
    after = value("first_after")
    sum += after
    return sprintf("%.1f s", after)
}

function flush_row() {
    if (current != "")
        printf "%-24s %-10s %-5s%s  %8s  %s\n", current, area, shown, cells, longest, signature
}

BEGIN {
    printf "%-24s %-10s %-5s", "fault", "area", "shown"
    for (i = 1; i <= seeds; i++) printf " %8s", "seed " i
    printf "  %8s  %s\n", "commands", "signature"
}

$1 != current {
    flush_row()
    current = $1; area = $2; shown = $4; cells = ""; longest = "-"; signature = "-"
    if ($1 != "sound") faults++
    if ($4 == "no") hidden++
}

{
    found = value("divergences") + 0
    cells = cells sprintf(" %8s", cell($1, $5, found))
    if (found) {
        if (longest == "-" || value("shrunk_commands") + 0 > longest)
            longest = value("shrunk_commands") + 0
        if (signature == "-") signature = value("signature")
        else if (index(" " signature " ", " " value("signature") " ") == 0)
            signature = signature " " value("signature")
    }
}

END {
    flush_row()
    for (name in missed) lost++
    printf "\n%d of %d faults found with every seed", faults - lost, faults
    printf ", %d of %d campaigns found theirs", hits, campaigns
    if (hits) printf ", after %.1f s on average", sum / hits
    printf "\n"
    if (hidden) printf "%d faults whose own trace does not show them\n", hidden
    if (alarms) printf "%d FALSE ALARMS on the sound build\n", alarms
    if (broken) printf "%d campaigns without a result: see build/faults/runs/*.log\n", broken
    exit broken ? 3 : (lost || alarms || hidden) ? 1 : 0
}
