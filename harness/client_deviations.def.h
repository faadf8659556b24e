/*
 * Where libmemcached 1.1.4 does not do what its documents or the model say: rows of the table in
 * client_facts.c, each with a reproducer corpus/client/ID.calls. docs/findings.md tells them at length.
 */
