/* The part of rules.def.h that is about the binary protocol. */
#ifndef MEMDIVERGE_RULES_BINARY_DEF_H
#define MEMDIVERGE_RULES_BINARY_DEF_H

/* clang-format off */

#define MD_BINARY_COMMAND_LIST(X)
#define MD_BINARY_RULE_LIST(X)
#define MD_BINARY_CHOICE_LIST(X)
#define MD_BINARY_QUIRK_LIST(X)

/* clang-format on */

#endif
