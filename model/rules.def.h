/*
 * The ids behind model/rules.h. Each list is an X-macro, so that an entry (id, source, sentence) is
 * written once and the enum, the table and the counters follow.
 */
#ifndef MEMDIVERGE_RULES_DEF_H
#define MEMDIVERGE_RULES_DEF_H

#include "model/rules_admin.def.h"
#include "model/rules_binary.def.h"
#include "model/rules_meta.def.h"

/* clang-format off */

/* X(name, text): the name as in signatures and counts. */
#define MD_COMMAND_LIST(X) \
    X(SET, "set") \
    X(ADD, "add") \
    X(REPLACE, "replace") \
    X(APPEND, "append") \
    X(PREPEND, "prepend") \
    X(CAS, "cas") \
    X(GET, "get") \
    X(GETS, "gets") \
    X(GAT, "gat") \
    X(GATS, "gats") \
    X(DELETE, "delete") \
    X(INCR, "incr") \
    X(DECR, "decr") \
    X(TOUCH, "touch") \
    X(FLUSH_ALL, "flush_all") \
    X(VERBOSITY, "verbosity") \
    X(VERSION, "version") \
    X(QUIT, "quit") \
    X(STATS, "stats") \
    X(STATS_RESET, "stats-reset") \
    X(STATS_ITEMS, "stats-items") \
    X(STATS_SLABS, "stats-slabs") \
    X(CACHEDUMP, "stats-cachedump") \
    X(CACHE_MEMLIMIT, "cache_memlimit") \
    X(MN, "mn") \
    X(SHUTDOWN, "shutdown") \
    X(UNKNOWN, "unknown") \
    MD_ADMIN_COMMAND_LIST(X) \
    MD_META_COMMAND_LIST(X) \
    MD_BINARY_COMMAND_LIST(X)

/* X(name, tag, source, sentence). The id is the name in lower case with dashes. */
#define MD_RULE_LIST(X) \
    X(NONE, MD_CHOICE_TAG, "-", "no command") \
    X(STORE_STORED, MD_DOC, "Storage commands", "a store whose condition is met answers STORED and the item holds the new data") \
    X(ADD_EXISTS, MD_DOC, "Storage commands", "add of a key that holds an item answers NOT_STORED and changes nothing") \
    X(STORE_MISSING, MD_DOC, "Storage commands", "replace, append and prepend of a missing key answer NOT_STORED") \
    X(APPEND_KEEPS, MD_DOC, "Storage commands", "append and prepend keep the item's flags and expiration time") \
    X(CAS_STORED, MD_DOC, "Storage commands", "cas with the item's own unique value stores") \
    X(CAS_EXISTS, MD_DOC, "Storage commands", "cas with any other value answers EXISTS and changes nothing") \
    X(CAS_NOT_FOUND, MD_DOC, "Storage commands", "cas of a missing key answers NOT_FOUND") \
    X(CAS_ZERO, MD_CHOICE_TAG, "-", "cas with the value 0 never matches") \
    X(CAS_OFF, MD_INTENT, "memcached -h, -C", "with -C items have no unique value: gets shows 0 and cas never matches") \
    X(BAD_DATA_CHUNK, MD_DOC, "Storage commands, data block", "a data block not followed by CRLF is refused and stores nothing") \
    X(TOO_LARGE, MD_DOC, "Error strings; memcached -h, -I", "an object larger than -I is refused and its data block swallowed") \
    X(TOO_LARGE_SET, MD_INTENT, "t/getset.t", "a set refused as too large removes the old value: no stale data stays") \
    X(GET_HIT, MD_DOC, "Retrieval command", "a key that holds an item is answered with VALUE, its flags, length and data") \
    X(GETS_HIT, MD_DOC, "Retrieval command", "gets also shows the unique value that the last change gave the item") \
    X(GET_MISS, MD_DOC, "Retrieval command", "a key that was never stored is left out of the answer") \
    X(MISS_DELETED, MD_DOC, "Deletion", "a deleted key is left out of the answer") \
    X(MISS_EXPIRED, MD_DOC, "Storage commands, exptime", "an item is not retrieved once its expiration time has come") \
    X(MISS_FLUSHED, MD_DOC, "Other commands, flush_all", "an item older than the execution of flush_all is not retrieved") \
    X(MISS_REMOVED, MD_INTENT, "t/getset.t", "a key whose set was refused as too large is left out of the answer") \
    X(MISS_EVICTED, MD_INTENT, "doc/new_lru.txt", "an item that was evicted to make room is left out of the answer") \
    X(MISS_RESTARTED, MD_INTENT, "README; there is no persistence", "nothing survives a restart of the node: not one item, not one counter") \
    X(GET_MULTI, MD_DOC, "Retrieval command", "several keys are answered in the order asked, a repeated key every time") \
    X(GAT_HIT, MD_DOC, "Get And Touch", "gat answers like get and replaces the expiration time") \
    X(GETS_GAT_HIT, MD_DOC, "Get And Touch", "gats answers like gets and replaces the expiration time") \
    X(DELETED, MD_DOC, "Deletion", "delete of a key that holds an item answers DELETED") \
    X(DELETE_MISS, MD_DOC, "Deletion", "delete of a missing key answers NOT_FOUND") \
    X(DELETE_FORM, MD_INTENT, "t/issue_108.t", "delete takes nothing but 0 and noreply behind the key") \
    X(INCR, MD_DOC, "Increment/Decrement", "incr adds modulo 2^64 and answers the new value") \
    X(INCR_WRAP, MD_DOC, "Increment/Decrement", "overflow in incr wraps around the 64 bit mark") \
    X(DECR, MD_DOC, "Increment/Decrement", "decr subtracts and answers the new value") \
    X(DECR_FLOOR, MD_DOC, "Increment/Decrement", "decr below 0 gives 0") \
    X(DELTA_MISS, MD_DOC, "Increment/Decrement", "incr and decr of a missing key answer NOT_FOUND") \
    X(DELTA_NON_NUMERIC, MD_DOC, "Increment/Decrement", "data that is not a decimal 64-bit number makes incr and decr fail") \
    X(DELTA_BAD, MD_DOC, "Increment/Decrement", "the amount must be a decimal 64-bit unsigned integer") \
    X(TOUCHED, MD_DOC, "Touch", "touch replaces the expiration time of an item and answers TOUCHED") \
    X(TOUCH_MISS, MD_DOC, "Touch", "touch of a missing key answers NOT_FOUND") \
    X(EXPTIME_BAD, MD_INTENT, "t/flush-all.t", "an expiration time that is no number is refused") \
    X(FLUSH_NOW, MD_DOC, "Other commands, flush_all", "flush_all invalidates all items at once") \
    X(FLUSH_DELAYED, MD_DOC, "Other commands, flush_all", "flush_all with a delay invalidates, when it has passed, what was stored before") \
    X(FLUSH_NEGATIVE, MD_INTENT, "t/flush-all.t", "flush_all with a negative delay acts at once") \
    X(FLUSH_OFF, MD_INTENT, "memcached -h, -F", "with -F flush_all is refused") \
    X(VERBOSITY, MD_DOC, "Other commands, verbosity", "verbosity answers OK") \
    X(VERSION, MD_DOC, "Other commands, version", "version answers VERSION and the version string") \
    X(QUIT, MD_DOC, "Other commands, quit", "quit closes the connection after everything before it was answered") \
    X(STATS, MD_DOC, "General-purpose statistics", "the counters say what the commands did") \
    X(STATS_RESET, MD_INTENT, "t/stats.t", "stats reset zeroes the counters and answers RESET") \
    X(BARRIER, MD_DOC, "Meta No-Op", "mn answers MN") \
    X(NOREPLY, MD_DOC, "Storage commands, noreply", "noreply keeps the server from answering") \
    X(UNKNOWN, MD_DOC, "Error strings", "a nonexistent command name answers ERROR") \
    X(TOKENS, MD_CHOICE_TAG, "-", "a command with too few or too many tokens answers ERROR") \
    X(KEY_LENGTH, MD_DOC, "Keys", "a key of more than 250 bytes is refused") \
    X(NUMBER_BAD, MD_DOC, "Error strings", "a flags, exptime or bytes that is no number is refused") \
    X(LENGTH_BAD, MD_INTENT, "t/issue_70.t", "a negative or impossible data length is refused") \
    X(LONG_LINE, MD_CHOICE_TAG, "-", "more than 2048 bytes without a line end close the connection, but for a get (depends on arrival)") \
    X(HTTP, MD_INTENT, "t/malicious-commands.t", "an HTTP request closes the connection") \
    X(BUMP, MD_INTENT, "doc/new_lru.txt; comments in memcached.h", "an item in use (get, gat, touch, incr and decr in place) moves to the head of its class") \
    X(BUMP_SPARED, MD_INTENT, "comments in memcached.h, ITEM_UPDATE_INTERVAL", "an item that moved in the last 60 seconds is not moved again") \
    X(ADD_PROMOTES, MD_INTENT, "comments in memcached.c", "add of a key that holds an item counts as use of that item") \
    X(RECLAIM, MD_INTENT, "doc/new_lru.txt", "before a store takes memory, expired and flushed items at the tail of the class are reclaimed") \
    X(EVICT_TAIL, MD_INTENT, "doc/new_lru.txt", "when there is no free chunk and no page, the least recently used item of the class goes") \
    X(EVICT_FREE, MD_INTENT, "doc/new_lru.txt", "with the segmented LRU an item may go when its class needs memory, as far as the promises of model/segmented.h allow") \
    X(LARGE_IN_CHUNKS, MD_INTENT, "release notes of 1.4.29", "an item over slab_chunk_max is kept in chunks; its header takes a small one of another class") \
    X(NO_MEMORY, MD_INTENT, "memcached -h, -M", "a store for which there is no memory is refused and its data block swallowed") \
    X(NO_MEMORY_SET, MD_INTENT, "comments in proto_text.c; t/getset.t", "a set refused for want of memory removes the old value: no stale data stays") \
    X(NO_MEMORY_DELTA, MD_INTENT, "memcached -h, -M", "incr and decr that need a larger item for which there is no memory are refused and change nothing") \
    X(CACHE_MEMLIMIT, MD_DOC, "Cache Memory Limit", "cache_memlimit changes the limit at once; pages stay with their classes") \
    X(MEMLIMIT_BAD, MD_CHOICE_TAG, "-", "cache_memlimit refuses less than 8 MiB, more than 10^9, and nodes that took all memory at the start") \
    X(STATS_ITEMS, MD_DOC, "Item statistics", "stats items tells of every class that holds items what happened to them") \
    X(STATS_SLABS, MD_DOC, "Slab statistics", "stats slabs tells of every class that has pages how they are used") \
    X(CACHEDUMP, MD_CHOICE_TAG, "-", "stats cachedump lists the items of a class in the order of last use") \
    X(CACHEDUMP_BAD, MD_CHOICE_TAG, "-", "stats cachedump wants the number of a class and a limit") \
    X(SHUTDOWN_OFF, MD_DOC, "Other commands, shutdown", "shutdown is refused unless the node runs with -A") \
    MD_ADMIN_RULE_LIST(X) \
    MD_META_RULE_LIST(X) \
    MD_BINARY_RULE_LIST(X)

/* X(name, alternatives, sentence). 1: fixed by the profile; 0: open, any number may be observed. */
#define MD_CHOICE_LIST(X) \
    X(PADDING, 2, "a counter that got shorter keeps its length, padded with spaces (or not, where somebody else holds the item)") \
    X(COUNTER_MEMORY, 2, "whether a minus sign stands in the memory behind a counter of 2^63 or more (quirk counter-overread)") \
    X(COUNTER_BLANK, 0, "what number stands in the memory behind a counter that is nothing but blanks (quirk counter-blank)") \
    X(FAILED_STORE_CAS, 1, "whether a store that answers NOT_STORED, EXISTS or NOT_FOUND uses up a CAS value") \
    X(FLUSH_CAS, 1, "whether an immediate flush_all uses up a CAS value") \
    X(BAD_CHUNK_REST, 1, "what follows a bad data block is read as a command") \
    X(HELD_BACK, 1, "replies wait while the data block of a later command is incomplete (depends on arrival)") \
    X(LOST_ON_CLOSE, 1, "replies not yet sent are lost when the node closes a connection for a bad line (depends on arrival)") \
    X(NOREPLY_ERROR, 1, "noreply silences errors that are found after it was read, and no others") \
    X(SURPLUS, 1, "a surplus last token that is not noreply is ignored") \
    X(NUL_IN_LINE, 1, "a NUL byte ends the command line early") \
    X(BLANKS_IN_FRONT, 1, "blanks in front of a command are skipped (or make it unknown, if it names a key)") \
    X(REFUSED_STORE_REST, 1, "the data block of a store that is refused for its key or a number is read as commands (or swallowed)") \
    X(KEY_CONTROL, 1, "control characters in keys are accepted") \
    X(EXPTIME_AT_LINE, 1, "a relative exptime counts from the command line, not from the end of the data block") \
    X(GET_PARTIAL, 1, "keys before a bad one in a retrieval are looked up and counted but not answered") \
    X(UPTIME, 1, "uptime starts at 2") \
    X(RECLAIM_AT_TAIL, 1, "expired items count in curr_items until they are met: by their key, or at the tail of their class by a store") \
    X(ROOM_FIRST, 1, "a store makes room before its condition is looked at: it may evict though nothing is stored, even the very item that it names") \
    X(FIRST_PAGE, 1, "the first page of a class is taken even beyond the limit (not with -L)") \
    X(FIVE_TRIES, 1, "a walk from the tail looks at five items and then gives up") \
    X(LOCKED_TAIL, 1, "items whose lock a command holds (append, prepend, incr and decr that replace) are passed over at the tail") \
    X(CHUNK_FALLBACK, 1, "the last chunk of a large item comes from the largest class where its own has none") \
    MD_ADMIN_CHOICE_LIST(X) \
    MD_META_CHOICE_LIST(X) \
    MD_BINARY_CHOICE_LIST(X)

/* X(name, versions, contradicts, upstream, sentence). */
#define MD_QUIRK_LIST(X) \
    X(NONE, "-", "-", "-", "no quirk") \
    X(LOST_REPLIES, "1.6.18-1.6.45", "Storage commands: after the command the client awaits the reply", "not reported", \
      "a key over 250 bytes in a retrieval drops the replies of earlier commands of the same batch (depends on arrival)") \
    X(FLUSH_EARLY, "1.6.18-1.6.45", "flush_all: items whose update time is earlier than the time of execution", "not reported", \
      "a delayed flush_all acts one second early, and on items stored in that second") \
    X(FLUSH_REVIVES, "1.6.18-1.6.45", "flush_all: none of the items will be returned unless stored again", "not reported", \
      "a delayed flush_all brings back items that an earlier flush_all had invalidated") \
    X(FLUSH_PAST, "1.6.18-1.6.45", "flush_all: after the expiration specified", "not reported", \
      "flush_all with a Unix time that has passed may flush nothing (before the node's start) or not all (with -C), and undoes an earlier one") \
    X(FLUSH_SAME_SECOND, "1.6.18", "flush_all: unless it is stored again after flush_all", "known limit of -C", \
      "with -C items stored in the second of the flush, but after it, are gone") \
    X(FLUSH_SPARES_USED, "1.6.38-1.6.45", "flush_all: none of the items will be returned unless stored again", "not reported", \
      "with the segmented LRU (the default) flush_all leaves items alive that incr, decr or a second fetch has renewed in the same second") \
    X(GET_ERROR_EXTRA_LINE, "1.6.45", "Error strings: each error is one line", "not reported", \
      "a retrieval that is refused for a key over 250 bytes answers an empty line behind the error, and nothing but that if its last word is noreply") \
    X(DELETE_KEY_NOREPLY, "1.6.45", "Deletion: the response line", "not reported", \
      "delete of the key `noreply` is not answered") \
    X(STATS_PREFIX, "1.6.45", "Statistics: stats with an argument that is not known", "not reported", \
      "any beginning of an argument of stats is taken for it: `stats r` zeroes the counters") \
    X(NUMBER_MINUS, "1.6.45", "Storage commands; Touch: a number, written out in decimal", "not reported", \
      "a minus sign alone is taken for 0 as a length, and as the expiration time of touch, gat and flush_all") \
    X(NUMBER_LONG, "1.6.45", "Increment/Decrement: decimal representation of a 64-bit unsigned integer", "not reported", \
      "numbers of more than 11 bytes (22 for those of 64 bits) are refused, leading zeros or not") \
    X(NUMBER_NEXT_WORD, "1.6.45", "Storage commands: flags, exptime", "not reported", \
      "flags or an expiration time that are nothing but tabs are read from the word behind them") \
    X(EXPTIME_REFUSED, "1.6.45", "Expiration times: Unix time as a 32-bit value", "not reported", \
      "touch, gat and flush_all refuse Unix times from 2^31 on (the year 2038)") \
    X(CAS_LEFT, "1.6.38-1.6.45", "Storage commands, cas unique: a unique 64-bit value of an existing entry", "not reported", \
      "the CAS value that a refused ms had asked for, or that a binary client was told last, is given to the next item that is stored by text on the same connection, or on a new one in its place") \
    X(NUMBER_LENIENT, "1.6.18-1.6.45", "Storage commands: unsigned integer, written out in decimal", "not reported", \
      "numbers with a plus sign, leading blanks, text after a tab, or below -2^63 are accepted") \
    X(FLAGS_CUT, "1.6.18-1.6.45", "Storage commands: flags are 32 bits at most", "not reported", \
      "flags over 32 bits are accepted and cut to their low 32 bits") \
    X(EXPTIME_CUT, "1.6.18-1.6.45", "Expiration times: 32-bit value", "not reported", \
      "expiration times over 32 bits are accepted and cut to their low 32 bits") \
    X(EXPTIME_2038, "1.6.18-1.6.45", "Expiration times: Unix time as a 32-bit value", "not reported", \
      "Unix times from 2^31 on (the year 2038) are taken as negative: expired at once") \
    X(BYTES_CUT, "1.6.18-1.6.38", "Storage commands: number of bytes in the data block to follow", "not reported", \
      "data lengths over 32 bits are cut to their low 32 bits: 4294967297 stores one byte") \
    X(COUNTER_TEXT, "1.6.18-1.6.45", "Increment/Decrement: data that does not conform makes incr and decr fail", "not reported", \
      "counters with a sign, leading blanks, or text behind a blank or a NUL are accepted, and the text is overwritten") \
    X(COUNTER_OVERREAD, "1.6.18", "Increment/Decrement: 64-bit unsigned integer", "not reported", \
      "a counter of 2^63 or more fails when a minus sign stands anywhere in the memory behind it") \
    X(COUNTER_BLANK, "1.6.18-1.6.45", "Increment/Decrement: data that does not conform makes incr and decr fail", "not reported", \
      "incr and decr of a value of nothing but blanks read a number from the memory behind it") \
    X(GAT_NO_KEY, "1.6.18-1.6.38", "Retrieval command: one or more keys (get answers ERROR)", "not reported", \
      "gat and gats without a key answer END") \
    X(GAT_LONG_LINE, "1.6.18-1.6.45", "CONSISTENCY: get and gets of many keys are let through", "not reported", \
      "a gat or gats line over 2048 bytes that arrives in pieces closes the connection") \
    X(GAT_REFUSED_TOUCHES, "1.6.18-1.6.45", "CONSISTENCY: a rejected command leaves nothing behind", "not reported", \
      "gat and gats that are refused for a key over 250 bytes have touched the keys before it") \
    X(APPEND_TOO_LARGE, "1.6.18-1.6.45", "Storage commands: NOT_STORED is not because of an error", "not reported", \
      "append and prepend whose result is over -I answer NOT_STORED, not an error") \
    X(APPEND_READS_OUTSIDE, "1.6.18-1.6.45", "Storage commands: add this data to an existing key after existing data", "not reported", \
      "append and prepend with flags, just over slab_chunk_max where the item without flags is not, read memory outside of the data: the node stores what it read, or crashes") \
    X(BGET, "1.6.18-1.6.38", "Error strings: a nonexistent command name answers ERROR", "kept for old clients", \
      "bget answers like get") \
    X(GAT_NOT_COUNTED, "1.6.18-1.6.45", "General-purpose statistics: cmd_get, get_hits, get_misses count retrievals", "not reported", \
      "gat, gats and mg with T count neither in cmd_get nor in get_hits") \
    X(UNFETCHED_COUNTERS, "1.6.18-1.6.45", "General-purpose statistics: expired_unfetched, never touched by get/incr/append/etc", "not reported", \
      "expired_unfetched and evicted_unfetched count items that incr, decr, append or prepend had touched") \
    X(EVICTS_EXPIRED, "1.6.18-1.6.45", "Storage commands, exptime; Item statistics: reclaimed, evicted before it expired", "not reported", \
      "in the second in which an item expires it is not retrieved any more, but counts as valid at the tail: evicted, or with -M the reason for refusing a store") \
    X(SET_NO_MEMORY_KEEPS, "1.6.18-1.6.45", "INTENT: a set that fails leaves no stale data", "not reported", \
      "a set of a large item that runs out of memory in the middle of its data keeps the old value") \
    X(APPEND_NO_MEMORY, "1.6.18-1.6.45", "Storage commands: NOT_STORED is not because of an error", "not reported", \
      "append and prepend for whose result there is no memory answer NOT_STORED, not an error") \
    X(NO_MEMORY_UNCOUNTED, "1.6.18-1.6.45", "General-purpose statistics: store_no_memory; Item statistics: outofmemory", "not reported", \
      "stores that run out of memory in the middle of their data, and append and prepend, are missing from store_no_memory and outofmemory") \
    X(DELTA_NO_MEMORY_HIT, "1.6.18-1.6.45", "General-purpose statistics: incr_hits and decr_hits are successful", "not reported", \
      "incr and decr that fail for want of memory count as hits") \
    X(TEN_ROUNDS, "1.6.18-1.6.45", "doc/new_lru.txt: items are reclaimed or evicted as needed; memcached -h, -M: error on memory exhausted", "not reported", \
      "without -M a store can fail for want of memory, after it has evicted ten items whose chunks are of another class") \
    X(EVICTED_TIME, "1.6.18-1.6.45", "Item statistics: evicted_time, seconds since the last access", "not reported", \
      "evicted_time counts from when the item was moved to the head, which may be a minute before its last access") \
    MD_ADMIN_QUIRK_LIST(X) \
    MD_META_QUIRK_LIST(X) \
    MD_BINARY_QUIRK_LIST(X)

/* clang-format on */

#define X(name, ...) MD_CMD_##name,
enum md_command_name { MD_COMMAND_LIST(X) MD_COMMAND_NAMES };
#undef X
#define X(name, ...) MD_RULE_##name,
enum md_rule { MD_RULE_LIST(X) MD_RULES };
#undef X
#define X(name, ...) MD_CHOICE_##name,
enum md_choice { MD_CHOICE_LIST(X) MD_CHOICES };
#undef X
#define X(name, ...) MD_QUIRK_##name,
enum md_quirk { MD_QUIRK_LIST(X) MD_QUIRKS };
#undef X

#endif
