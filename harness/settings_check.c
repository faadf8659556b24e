/* Settings put to use: the node's binary, its options, the runner's configuration. */
#include "harness/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the node's binary -------------------------------------------------------------------- */

static bool is_program(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static char *find_in_path(const char *name) {
    const char *path = getenv("PATH");
    struct md_buf candidate = {0};
    for (const char *at = path ? path : "/usr/local/bin:/usr/bin:/bin"; at;) {
        const char *colon = strchr(at, ':');
        candidate.len = 0;
        md_buf_append(&candidate, at, colon ? (size_t)(colon - at) : strlen(at));
        md_buf_printf(&candidate, "%s%s", candidate.len ? "/" : "./", name);
        if (is_program(md_buf_cstr(&candidate)))
            return (char *)candidate.data;
        at = colon ? colon + 1 : NULL;
    }
    md_buf_free(&candidate);
    return NULL;
}

static bool explain_binary(const char *path, struct md_buf *why) {
    struct stat st;
    if (stat(path, &st))
        md_buf_printf(why, "node binary %s: %s; name an existing one with --node BINARY", path,
                      strerror(errno));
    else if (!S_ISREG(st.st_mode))
        md_buf_printf(why, "node binary %s: not a file; name a program with --node BINARY", path);
    else
        md_buf_printf(why, "node binary %s: not executable; try chmod +x %s", path, path);
    return false;
}

static bool find_binary(struct md_settings *s, struct md_buf *why) {
    const char *env = getenv("MEMDIVERGE_NODE");
    const char *name = s->node ? s->node : env && *env ? env : "memcached";
    if (strchr(name, '/')) {
        if (!is_program(name))
            return explain_binary(name, why);
        s->binary = realpath(name, NULL);
        return s->binary || explain_binary(name, why);
    }
    /* `--node memcached` in the folder where it was built is meant as it looks. */
    s->binary = find_in_path(name);
    if (!s->binary && is_program(name))
        s->binary = realpath(name, NULL);
    if (s->binary)
        return true;
    md_buf_printf(why,
                  "no %s in PATH; install memcached, or name one with --node BINARY or "
                  "MEMDIVERGE_NODE",
                  name);
    return false;
}

/* ---- checking ---------------------------------------------------------------------------- */

/* A server of somebody else is held to the document, and asked for nothing that would disturb it. */
static bool check_connect(struct md_settings *s, struct md_buf *why) {
    if (!s->connect) {
        if (s->oracle == MD_ORACLE_PROTOCOL)
            md_buf_str(why, "--oracle protocol is for a server that runs already: give --connect "
                            "HOST:PORT");
        else if (s->wait)
            md_buf_str(why, "--wait is for --connect: the clock of a node that memdiverge starts "
                            "takes no time");
        return why->len == 0;
    }
    if (s->has_oracle && s->oracle != MD_ORACLE_PROTOCOL)
        md_buf_str(why, "with --connect there is --oracle protocol only: the others are for a node "
                        "that memdiverge may flush and restart (--node)");
    else if (s->n_node_args)
        md_buf_str(why, "--node-arg is for a node that memdiverge starts, --connect uses one that "
                        "runs: give one of them");
    else if (s->target != MD_TARGETS && s->target != MD_TARGET_COMMANDS)
        md_buf_printf(why,
                      "--target %s would fill the server's memory: with --connect there is "
                      "--target commands only",
                      md_target_name(s->target));
    s->oracle = MD_ORACLE_PROTOCOL;
    s->target = MD_TARGET_COMMANDS;
    if (!s->has_engine)
        s->engine = "random"; /* the other is guided by what a server of somebody else never sees */
    return why->len == 0;
}

bool md_settings_check(struct md_settings *s, int *exit_code, struct md_buf *why) {
    *exit_code = MD_EXIT_USAGE;
    if (s->connect && s->node) {
        md_buf_str(why, "--node starts a node, --connect uses one that runs: give one of them");
        return false;
    }
    if (!check_connect(s, why))
        return false;
    struct md_buf refused = {0};
    bool ok = md_node_options_parse(&s->options, s->node_args, s->n_node_args, &refused);
    if (!ok)
        md_buf_printf(why, "--node-arg: %s", md_buf_cstr(&refused));
    md_buf_free(&refused);
    if (!ok)
        return false;
    *exit_code = MD_EXIT_FAILED;
    return s->connect || find_binary(s, why);
}

int md_settings_ready(struct md_settings *s) {
    struct md_buf why = {0};
    int code;
    bool ok = md_settings_check(s, &code, &why);
    if (!ok)
        md_complain("%s", md_buf_cstr(&why));
    md_buf_free(&why);
    return ok ? 0 : code;
}

void md_settings_runner(const struct md_settings *s, struct md_runner_config *out) {
    *out = (struct md_runner_config){
        .node = {.binary = s->binary, .connect = s->connect, .waits = s->wait > 0, .cpu = -1},
        .wait = s->wait,
        .oracle = s->oracle,
        .profile = s->profile,
        .without = s->without,
        .n_without = s->n_without,
    };
}

static bool has_option(const struct md_node_options *o, const char *name) {
    for (size_t i = 0; i < o->n_args; i++)
        if (strcmp(o->args[i], name) == 0)
            return true;
    return false;
}

/* The user's words win over the trace's; a combination that no node would start with leaves the
 * user's alone. */
void md_settings_apply(const struct md_settings *s, struct md_trace *t) {
    const struct md_node_options *own = &s->options;
    const char *words[2 * MD_NODE_ARGS_MAX];
    size_t n = 0;
    if (own->n_args == 0)
        return;
    struct md_node_options both;
    struct md_buf why = {0};
    for (size_t i = 0; i < own->n_args; i++)
        words[n++] = own->args[i];
    for (size_t i = 0; i < t->options.n_args; i++) {
        bool valued = i + 1 < t->options.n_args && t->options.args[i + 1][0] != '-';
        if (!has_option(own, t->options.args[i])) {
            words[n++] = t->options.args[i];
            if (valued)
                words[n++] = t->options.args[i + 1];
        }
        i += valued;
    }
    md_node_options_default(&both);
    if (!md_node_options_parse(&both, words, n, &why))
        md_node_options_copy(&both, own);
    md_node_options_free(&t->options);
    t->options = both;
    md_buf_free(&why);
}

int md_settings_load(struct md_settings *s, const char *file, struct md_trace *t) {
    struct md_trace_error error = {0};
    if (!md_trace_load(t, file, &error)) {
        md_complain_trace(file, &error);
        return MD_EXIT_USAGE;
    }
    int code = md_settings_ready(s);
    if (code)
        return code;
    md_node_sweep();
    md_settings_apply(s, t);
    return 0;
}

static void add_word(struct md_buf *out, const char *option, const char *value) {
    if (value)
        md_buf_printf(out, "%s=%s%c", option, value, 0);
}

void md_settings_words(const struct md_settings *s, struct md_buf *out) {
    add_word(out, "--node", s->binary);
    add_word(out, "--connect", s->connect);
    if (s->wait)
        md_buf_printf(out, "--wait=%u%c", s->wait, 0);
    add_word(out, "--profile", s->profile);
    add_word(out, "--oracle", md_oracle_name(s->oracle));
    for (size_t i = 0; i < s->n_node_args; i++)
        add_word(out, "--node-arg", s->node_args[i]);
    for (size_t i = 0; i < s->n_without; i++) {
        char id[MD_ID_MAX];
        md_id_text(md_quirk_info(s->without[i])->name, id, sizeof id);
        add_word(out, "--without-quirk", id);
    }
    add_word(out, "--out", s->out);
}
