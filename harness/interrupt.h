/* Ctrl-C and SIGTERM for commands that finish what they have in hand: asked for, not acted on. */
#ifndef MEMDIVERGE_INTERRUPT_H
#define MEMDIVERGE_INTERRUPT_H

#include <stdbool.h>

/* From now on SIGINT and SIGTERM only set the flag; system calls are restarted. */
void md_interrupt_catch(void);
bool md_interrupted(void);
/* Until one of them comes, or for this long: for what is due at a time. */
void md_interrupt_wait(unsigned ms);

#endif
