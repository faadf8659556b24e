/*
 * The part of rules.def.h that is about the binary protocol. Sources named by a section alone are
 * those of doc/protocol-binary.xml in memcached's repository (a release carries protocol_binary.h
 * and the tests, and Debian's source no document).
 */
#ifndef MEMDIVERGE_RULES_BINARY_DEF_H
#define MEMDIVERGE_RULES_BINARY_DEF_H

/* clang-format off */

#define MD_BINARY_COMMAND_LIST(X) \
    X(BIN_GET, "bin-get") \
    X(BIN_GETQ, "bin-getq") \
    X(BIN_GETK, "bin-getk") \
    X(BIN_GETKQ, "bin-getkq") \
    X(BIN_GAT, "bin-gat") \
    X(BIN_GATQ, "bin-gatq") \
    X(BIN_GATK, "bin-gatk") \
    X(BIN_GATKQ, "bin-gatkq") \
    X(BIN_TOUCH, "bin-touch") \
    X(BIN_SET, "bin-set") \
    X(BIN_SETQ, "bin-setq") \
    X(BIN_ADD, "bin-add") \
    X(BIN_ADDQ, "bin-addq") \
    X(BIN_REPLACE, "bin-replace") \
    X(BIN_REPLACEQ, "bin-replaceq") \
    X(BIN_APPEND, "bin-append") \
    X(BIN_APPENDQ, "bin-appendq") \
    X(BIN_PREPEND, "bin-prepend") \
    X(BIN_PREPENDQ, "bin-prependq") \
    X(BIN_DELETE, "bin-delete") \
    X(BIN_DELETEQ, "bin-deleteq") \
    X(BIN_INCR, "bin-incr") \
    X(BIN_INCRQ, "bin-incrq") \
    X(BIN_DECR, "bin-decr") \
    X(BIN_DECRQ, "bin-decrq") \
    X(BIN_FLUSH, "bin-flush") \
    X(BIN_FLUSHQ, "bin-flushq") \
    X(BIN_QUIT, "bin-quit") \
    X(BIN_QUITQ, "bin-quitq") \
    X(BIN_NOOP, "bin-noop") \
    X(BIN_VERSION, "bin-version") \
    X(BIN_STAT, "bin-stat") \
    X(BIN_STAT_RESET, "bin-stat-reset") \
    X(BIN_STAT_ITEMS, "bin-stat-items") \
    X(BIN_STAT_SLABS, "bin-stat-slabs") \
    X(BIN_SASL_LIST, "bin-sasl-list-mechs") \
    X(BIN_SASL_AUTH, "bin-sasl-auth") \
    X(BIN_SASL_STEP, "bin-sasl-step") \
    X(BIN_UNKNOWN, "bin-unknown")

#define MD_BINARY_RULE_LIST(X) \
    X(BIN_NEGOTIATED, MD_INTENT, "memcached -h, -B", "the first byte of a connection decides on its protocol: 0x80 is binary") \
    X(BIN_OPAQUE, MD_DOC, "Packet Structure", "every answer repeats the opaque of its request") \
    X(BIN_MAGIC, MD_DOC, "Magic Byte", "a request begins with 0x80; anything else ends the connection") \
    X(BIN_LENGTHS, MD_DOC, "Packet Structure; Response Status", "a request whose key and extras are longer than its body has invalid arguments") \
    X(BIN_SHAPE, MD_DOC, "Commands: MUST have, MUST NOT have", "a request with a part that it must not have, or without one that it must have, has invalid arguments") \
    X(BIN_KEY_LENGTH, MD_INTENT, "t/binary.t, Key too large", "a key of more than 250 bytes is refused as invalid arguments, and the connection closed") \
    X(BIN_UNKNOWN, MD_DOC, "Response Status", "an opcode that there is not answers Unknown command, and its body is skipped") \
    X(BIN_SASL_OFF, MD_INTENT, "t/binary-sasl.t; memcached -h, -S", "without -S the SASL commands are unknown ones") \
    X(BIN_GET_HIT, MD_DOC, "Get", "a key that holds an item is answered with its flags as extras, its data and its CAS value") \
    X(BIN_GETK_HIT, MD_DOC, "Get", "getk and gatk add the key to the answer") \
    X(BIN_MISS, MD_DOC, "Get", "get of a missing key answers Key not found") \
    X(BIN_GETK_MISS, MD_INTENT, "testapp.c, validate_response_header", "getk and gatk of a missing key answer Key not found with the key, and no text") \
    X(BIN_QUIET_MISS, MD_DOC, "Get", "getq, getkq, gatq and gatkq are mum on a miss") \
    X(BIN_GAT_HIT, MD_INTENT, "t/binary.t, Touch commands", "gat answers like get and replaces the expiration time") \
    X(BIN_TOUCHED, MD_INTENT, "testapp.c, touch", "touch replaces the expiration time and answers the flags, without data") \
    X(BIN_STORED, MD_DOC, "Set, Add, Replace; Append, Prepend", "a store whose condition is met answers No error and the item's new CAS value") \
    X(BIN_CAS_STORED, MD_DOC, "Set, Add, Replace", "a store with the item's own CAS value stores") \
    X(BIN_CAS_EXISTS, MD_DOC, "Set, Add, Replace", "a store with any other CAS value than the item's answers Key exists and changes nothing") \
    X(BIN_CAS_MISSING, MD_DOC, "Set, Add, Replace; t/binary.t, CAS", "a store with a CAS value of a missing key answers Key not found") \
    X(BIN_ADD_EXISTS, MD_DOC, "Set, Add, Replace", "add of a key that holds an item answers Key exists and changes nothing, whatever its CAS value") \
    X(BIN_REPLACE_MISSING, MD_DOC, "Set, Add, Replace; t/binary.t, Replace", "replace of a missing key answers Key not found") \
    X(BIN_JOIN_MISSING, MD_CONSISTENCY, "append and prepend of the text protocol", "append and prepend of a missing key answer Item not stored") \
    X(BIN_TOO_LARGE, MD_DOC, "Response Status; t/binary.t, Too big", "an object larger than -I is refused as too large and its value skipped") \
    X(BIN_NO_MEMORY, MD_DOC, "Response Status", "a store for which there is no memory answers Out of memory and its value is skipped") \
    X(BIN_QUIET, MD_DOC, "Set, Add, Replace", "quiet mutations that succeed say nothing") \
    X(BIN_QUIET_ERROR, MD_DOC, "Set, Add, Replace", "errors of quiet commands do not go unnoticed") \
    X(BIN_DELETED, MD_DOC, "Delete", "delete of a key that holds an item answers No error") \
    X(BIN_DELETE_MISS, MD_CONSISTENCY, "delete of the text protocol", "delete of a missing key answers Key not found") \
    X(BIN_DELETE_CAS, MD_CONSISTENCY, "Set, Add, Replace", "delete with any other CAS value than the item's answers Key exists and deletes nothing") \
    X(BIN_DELTA, MD_DOC, "Increment, Decrement", "incr and decr answer the new value in 64 bits, and the item's new CAS value") \
    X(BIN_DELTA_INITIAL, MD_DOC, "Increment, Decrement", "incr and decr of a missing key store the initial value, with no flags, and answer it") \
    X(BIN_DELTA_MISS, MD_DOC, "Increment, Decrement", "incr and decr of a missing key with the expiration 0xffffffff answer Key not found") \
    X(BIN_DELTA_NON_NUMERIC, MD_DOC, "Response Status; t/binary.t, Issue 48", "incr and decr of data that is no number say so and change nothing") \
    X(BIN_DELTA_CAS, MD_CONSISTENCY, "Set, Add, Replace", "incr and decr with any other CAS value than the item's answer Key exists and change nothing") \
    X(BIN_DELTA_NO_MEMORY, MD_DOC, "Response Status", "incr and decr for which there is no memory answer Out of memory and change nothing") \
    X(BIN_FLUSH_OFF, MD_INTENT, "memcached -h, -F", "with -F flush is refused") \
    X(BIN_NOOP, MD_DOC, "noop", "noop answers No error and sends what was held until then") \
    X(BIN_VERSION, MD_DOC, "version", "version answers the version string") \
    X(BIN_QUIT, MD_DOC, "quit", "quit answers No error, quitq nothing; then the connection is closed") \
    X(BIN_STAT, MD_DOC, "Stat", "stat answers a packet for each counter and an empty one behind the last") \
    X(BIN_STAT_RESET, MD_CONSISTENCY, "stats reset of the text protocol", "stat reset zeroes the counters and answers the empty packet") \
    X(BIN_STAT_UNKNOWN, MD_CHOICE_TAG, "-", "stat of a name that there is not answers Key not found")

#define MD_BINARY_CHOICE_LIST(X) \
    X(BIN_ERROR_TEXT, 1, "the words in the body of an error") \
    X(BIN_CLOSES, 1, "a request with invalid arguments is answered and its connection closed") \
    X(BIN_REFUSED_LATE, 1, "a wrong header is answered when the key and extras that it promises are there, not before") \
    X(BIN_RESERVED, 1, "the data type and the reserved field of a request are not looked at") \
    X(BIN_CAS_IGNORED, 1, "commands that store and delete nothing, and flush, do not look at the CAS value of their request") \
    X(BIN_CAS_COUNTED, 1, "cas_hits, cas_misses and cas_badval count set, add and replace with a CAS value, and nothing else") \
    X(BIN_CAS_LATER, 1, "incr and decr look for an empty or large value before they compare CAS values") \
    X(BIN_EMPTY_VALUE, 1, "a value may be empty: of append and prepend too") \
    X(BIN_KEY_BYTES, 1, "every byte may stand in a key: blanks, line ends and NUL too")

#define MD_BINARY_QUIRK_LIST(X) \
    X(BIN_LENGTHS_UNKNOWN, "1.6.18-1.6.45", "Response Status: 0x0004 Invalid arguments, 0x0081 Unknown command", "not reported", \
      "a request whose key and extras are longer than its body answers Unknown command, also of a command that is known") \
    X(BIN_KEY_SILENT, "1.6.18-1.6.45", "t/binary.t, Key too large: a key over 250 bytes answers Invalid arguments", "not reported", \
      "a request whose key and extras do not fit the read buffer of 16384 bytes closes the connection without an answer") \
    X(BIN_VALUE_LEFT, "1.6.18-1.6.45", "Stat: MUST NOT have value; Packet Structure: total body length", "not reported", \
      "stat, touch and the gat commands with a value are carried out, and the value is read as the next request") \
    X(BIN_UNKNOWN_SWALLOWS, "1.6.18-1.6.45", "Packet Structure: total body length is extras, key and value", "not reported", \
      "an unknown command with a key or extras swallows as many bytes of the requests behind it") \
    X(BIN_HUGE_BODY, "1.6.18-1.6.38", "Packet Structure: total body length, four bytes", "not reported", \
      "the body of a refused request of 2^31 bytes or more is not skipped: it is read as requests") \
    X(BIN_LEFTOVER, "1.6.18-1.6.38", "CONSISTENCY: a store that fails leaves nothing behind on a connection, least of all on another", "not reported", \
      "a store of 2^31 bytes or more swallows instead of its own value what an earlier connection still had to skip when it was closed") \
    X(BIN_ADD_CAS, "1.6.18-1.6.45", "Set, Add, Replace: Add MUST fail if the item already exist", "not reported", \
      "add with the CAS value of an item replaces it") \
    X(BIN_CAS_OFF_STORES, "1.6.18-1.6.45", "Set, Add, Replace: with a CAS value it MUST only succeed if the item has an identical one", "not reported", \
      "with -C set, add, replace, append and prepend with a CAS value are carried out as if there were none") \
    X(BIN_CAS_REMOVES, "1.6.18-1.6.45", "CONSISTENCY: a rejected cas of the text protocol leaves the item; with a CAS value it MUST only succeed ...", "not reported", \
      "a set with a CAS value that is refused as too large removes the item, whatever its CAS value") \
    X(BIN_STORE_UNCOUNTED, "1.6.18-1.6.45", "General-purpose statistics: store_too_large, store_no_memory, rejected storage requests", "not reported", \
      "stores that are refused as too large or for want of memory count neither in store_too_large nor in store_no_memory") \
    X(BIN_FLUSH_UNCOUNTED, "1.6.18-1.6.45", "General-purpose statistics: cmd_flush, cumulative number of flush reqs (flush_all counts)", "not reported", \
      "a flush that is refused because of -F is not counted in cmd_flush") \
    X(BIN_INITIAL_UNCOUNTED, "1.6.18-1.6.45", "General-purpose statistics: incr_misses and decr_misses, reqs against missing keys", "not reported", \
      "incr and decr that store their initial value do not count as misses") \
    X(BIN_INITIAL_CAS, "1.6.18-1.6.45", "CONSISTENCY: a store with a CAS value of a missing key answers Key not found", "not reported", \
      "incr and decr with a CAS value store their initial value where there is no item") \
    X(BIN_STAT_PREFIX, "1.6.18-1.6.45", "CONSISTENCY: stats of the text protocol takes whole words", "not reported", \
      "stat takes every name that begins with reset, settings or detail for that")

/* clang-format on */

#endif
