/*
 * Where the protocols are known to part: after this answer to this command the three keys no longer hold
 * the same, and what comes behind is not compared. Each is a quirk with a trace in corpus/known/;
 * docs/findings.md tells of them.
 */
#ifndef MEMDIVERGE_PROTOCOLS_KNOWN_DEF_H
#define MEMDIVERGE_PROTOCOLS_KNOWN_DEF_H

/* X(command, answer, quirks): a store that is refused as too large keeps the old value in text, unless it
 * is a set, and removes it in the others. */
#define MD_PROTOCOLS_KNOWN(X)                                                                      \
    X(ADD, TOO_LARGE, "ms-refused-removes")                                                        \
    X(REPLACE, TOO_LARGE, "ms-refused-removes")                                                    \
    X(APPEND, TOO_LARGE, "ms-refused-removes")                                                     \
    X(PREPEND, TOO_LARGE, "ms-refused-removes")                                                    \
    X(CAS, TOO_LARGE, "ms-refused-removes, bin-cas-removes")

#endif
