/* The subcommands of memdiverge; main.c has their table. argv[0] is "memdiverge NAME". */
#ifndef MEMDIVERGE_CMD_H
#define MEMDIVERGE_CMD_H

int md_cmd_run(int argc, char **argv);
int md_cmd_replay(int argc, char **argv);
int md_cmd_show(int argc, char **argv);
int md_cmd_shrink(int argc, char **argv);
int md_cmd_cluster(int argc, char **argv);
int md_cmd_compare(int argc, char **argv);
int md_cmd_serve(int argc, char **argv);
int md_cmd_rules(int argc, char **argv);

#endif
