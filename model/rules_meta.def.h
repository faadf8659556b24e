/* The part of rules.def.h that is about the meta commands; protocol.txt "Meta Commands". */
#ifndef MEMDIVERGE_RULES_META_DEF_H
#define MEMDIVERGE_RULES_META_DEF_H

/* clang-format off */

#define MD_META_COMMAND_LIST(X)
#define MD_META_RULE_LIST(X)
#define MD_META_CHOICE_LIST(X)
#define MD_META_QUIRK_LIST(X)

/* clang-format on */

#endif
