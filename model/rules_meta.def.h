/* The part of rules.def.h that is about the meta commands; protocol.txt "Meta Commands". */
#ifndef MEMDIVERGE_RULES_META_DEF_H
#define MEMDIVERGE_RULES_META_DEF_H

/* clang-format off */

#define MD_META_COMMAND_LIST(X) \
    X(MG, "mg") \
    X(MS, "ms") \
    X(MD, "md") \
    X(MA, "ma") \
    X(ME, "me")

#define MD_META_RULE_LIST(X) \
    X(META_HIT, MD_DOC, "Meta Get", "mg of a key that holds an item answers HD, or VA with its value, and the flags asked for in their order") \
    X(META_MISS, MD_DOC, "Meta Get", "mg of a missing key answers EN") \
    X(META_KEY_BASE64, MD_DOC, "Meta Get, b", "with b the key is base64, and is told so when it is returned") \
    X(META_KEY_BAD, MD_DOC, "Error strings; Meta Get, b", "a key that is no base64 is refused with b") \
    X(META_OPAQUE, MD_DOC, "Meta Get, O", "the opaque comes back as it was sent, on a miss too") \
    X(META_OPAQUE_LONG, MD_DOC, "Meta Get, O", "an opaque of more than 32 bytes is refused") \
    X(META_FLAG_TWICE, MD_CHOICE_TAG, "-", "a flag that is given twice is refused, and so is a byte over 126 (in the same words)") \
    X(META_FLAG_UNKNOWN, MD_DOC, "Error strings", "an unknown flag is refused") \
    X(META_TOKEN_BAD, MD_DOC, "Error strings", "a flag whose token is no number, or not one letter with M, is refused") \
    X(META_TOO_MANY, MD_CHOICE_TAG, "-", "a line of more than 19 words is refused, and its data block is not swallowed") \
    X(META_MODE, MD_DOC, "Meta Set, M", "ms behaves as add, append, prepend, replace or cas by its mode and by C") \
    X(META_MODE_BAD, MD_DOC, "Error strings", "an unknown mode is refused") \
    X(META_QUIET, MD_DOC, "Meta Get, Set, Delete, Arithmetic, q", "q keeps back EN of mg, and HD of the others") \
    X(META_QUIET_SHOWS, MD_DOC, "Meta Set, Delete, q", "q keeps nothing else back") \
    X(META_NO_BUMP, MD_DOC, "Meta Get, u", "with u the item does not move, is not marked as hit and keeps its last access") \
    X(META_TOUCHED, MD_DOC, "Meta Get, T", "T replaces the expiration time of an item") \
    X(META_VIVIFIED, MD_DOC, "Meta Get and Arithmetic, N", "with N a missing key gets an item: empty and won by the client of an mg, the initial value with ma") \
    X(META_RECACHE, MD_DOC, "Meta Get, R", "with less to live than R says, the first client wins") \
    X(META_WON, MD_DOC, "Meta Get, W", "one client wins the right to recache") \
    X(META_STALE, MD_DOC, "Meta Get, X", "an item that was marked as stale is told so") \
    X(META_SENT, MD_DOC, "Meta Get, Z", "who comes after the winner is told so") \
    X(META_STORED, MD_DOC, "Meta Set", "ms whose condition is met answers HD and the item holds the new data") \
    X(META_STORED_STALE, MD_DOC, "Meta Set, I", "with I a CAS value lower than the item's stores, and marks the item as stale") \
    X(META_NOT_STORED, MD_DOC, "Meta Set", "ms whose mode does not allow it answers NS") \
    X(META_EXISTS, MD_DOC, "Meta Set, Delete, Arithmetic, C", "another CAS value than the item's answers EX and changes nothing") \
    X(META_NOT_FOUND, MD_DOC, "Meta Set", "ms with C of a missing key answers NF") \
    X(META_COMPARED, MD_DOC, "Meta Get, C (1.6.45)", "mg with C leaves the value out if the item has that CAS value") \
    X(META_DELETED, MD_DOC, "Meta Delete", "md of a key that holds an item removes it and answers HD") \
    X(META_DELETE_MISS, MD_DOC, "Meta Delete", "md of a missing key answers NF") \
    X(META_INVALIDATED, MD_DOC, "Meta Delete, I", "md with I marks the item as stale, gives it a new CAS value, and with T a new expiration time") \
    X(META_DELTA, MD_DOC, "Meta Arithmetic", "ma adds or subtracts and answers HD, or VA with the new value") \
    X(META_DELTA_BORDER, MD_DOC, "Meta Arithmetic", "decrementing stops at 0, incrementing overflows") \
    X(META_DELTA_MISS, MD_DOC, "Meta Arithmetic", "ma of a missing key answers NF") \
    X(META_DEBUG, MD_DOC, "Meta Debug", "me tells what is known of an item") \
    X(META_DEBUG_MISS, MD_DOC, "Meta Debug", "me of a missing key answers EN")

#define MD_META_CHOICE_LIST(X) \
    X(META_EMPTY_ITEM, 1, "md with x makes a new, empty item: flags and time to live are those of F and T (none), the CAS value stays") \
    X(META_FOREIGN_FLAG, 1, "flags that are another command's are looked at, and ignored; me looks at none but b") \
    X(META_ORDER, 1, "flags act in the order given: t before T tells the old time to live, before N none") \
    X(META_ADD_COMPARES_NOT, 1, "ms in mode E takes C and does not compare") \
    X(META_COUNT, 1, "cmd_meta counts me, and none of the others") \
    X(HELD_ITEM, 1, "a counter whose item an answer not yet sent shows (of mg, of a binary get or touch) is not written in place (depends on arrival)") \
    X(CACHEDUMP_BINARY, 1, "stats cachedump leaves out keys that came as base64") \
    X(JOINED_FRESH, 1, "append and prepend make an item that is neither stale nor won")

#define MD_META_QUIRK_LIST(X) \
    X(OPAQUE_SHORT, "1.6.18-1.6.45", "Meta Get, O: opaque tokens may be up to 32 bytes in length", "not reported", \
      "an opaque of 32 bytes is refused: the O is counted as well") \
    X(META_REFUSED_ACTS, "1.6.18-1.6.45", "CONSISTENCY: a rejected command leaves nothing behind", "not reported", \
      "mg and ma that are refused for their opaque have touched, made or changed the item before") \
    X(BASE64_LENIENT, "1.6.18-1.6.45", "Meta Get, b: key is base64 encoded binary value (RFC 4648)", "not reported", \
      "other characters in a base64 key are passed over, and what is behind its padding is ignored") \
    X(KEY_RAW, "1.6.18-1.6.45", "Meta Get, b: a key is returned as base64, with b", "not reported", \
      "an item made by N, and one that append, prepend or a counter that grows made anew, forgets that its key is binary: k and me show it raw") \
    X(TTL_WRAPS, "1.6.18-1.6.45", "Meta Get, t: item TTL remaining in seconds", "not reported", \
      "t behind a T of the past shows some four billion seconds") \
    X(LAST_ACCESS, "1.6.18-1.6.45", "Meta Get, l: time since item was last accessed in seconds", "not reported", \
      "l and la count from when the item was moved to the head, which may be a minute before its last access") \
    X(RECACHE_LONG, "1.6.18-1.6.45", "Meta Get, R: if the remaining TTL is below the supplied token, win", "not reported", \
      "R over 30 days is taken for a Unix time: nobody wins") \
    X(VIVIFY_TOUCHED, "1.6.18-1.6.45", "Meta Get, N: takes TTL as an argument; T: if hit", "not reported", \
      "T behind N replaces the time to live of the item that N has just made on a miss") \
    X(VIVIFY_NO_MISS, "1.6.18-1.6.45", "General-purpose statistics: get_misses, incr_misses, decr_misses", "not reported", \
      "mg and ma with N that find nothing count as no miss (mg: as a hit)") \
    X(MG_TOUCH_MISS, "1.6.18-1.6.45", "General-purpose statistics: cmd_touch, touch_misses; CONSISTENCY with gat", "not reported", \
      "mg with T that misses is not counted as a touch") \
    X(META_CAS_ZERO, "1.6.18-1.6.45", "Meta Set, Delete, Arithmetic, C: only if a supplied CAS value matches", "not reported", \
      "C0 compares nothing with ma and ms in modes A and P, and matches any item of a node without CAS (-C)") \
    X(APPEND_CAS_MISS, "1.6.18-1.6.45", "Meta Set: NF, the item that you are trying to store with CAS semantics did not exist", "not reported", \
      "ms in modes A and P with C answers NS to a missing key") \
    X(MS_REFUSED_REMOVES, "1.6.18-1.6.45", "CONSISTENCY: add, replace, append and cas that are refused keep the old value", "not reported", \
      "ms that is too large, or for which there is no memory, removes the old value in every mode") \
    X(MS_QUIET_ERROR, "1.6.18-1.6.45", "Meta Set, q: errors are always returned", "not reported", \
      "with q an ms that runs out of memory in the middle of its data is refused in silence") \
    X(MD_CAS_MISS, "1.6.18-1.6.45", "General-purpose statistics: delete_misses, deletion requests for missing keys", "not reported", \
      "md whose CAS value is another counts as a miss") \
    X(MA_TTL_LOST, "1.6.18-1.6.45", "Meta Arithmetic, T: on success, sets the remaining TTL", "not reported", \
      "ma with T whose number gets longer sets the time to live of the item that is gone") \
    X(MA_QUIET_VALUE, "1.6.18-1.6.45", "Meta Arithmetic and Set, q: a response that would start with HD will not be sent", "not reported", \
      "with q ma keeps back VA too") \
    X(MA_QUIET_VIVIFY, "1.6.18-1.6.38", "Meta Arithmetic and Set, q: a response that would start with HD will not be sent", "not reported", \
      "with q ma answers HD where N made the item") \
    X(GROWN_FORGETS, "1.6.18-1.6.45", "CONSISTENCY: a counter that grows keeps what a counter that does not grow keeps", "not reported", \
      "a stale or won counter that gets longer is neither any more") \
    X(ME_B_ALONE, "1.6.45", "Meta Debug, b: key is base64 encoded binary value", "not reported", \
      "me takes b for no flag unless another word follows: the base64 text itself is looked up") \
    X(ME_EXP_SIGN, "1.6.18", "Meta Debug, exp: expiration time; CONSISTENCY with t of mg", "not in 1.6.38", \
      "exp of me is negative while there is time left: -1 is one second as well as forever")

/* clang-format on */

#endif
