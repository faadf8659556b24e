/* memdiverge serve: the model behind a socket. */
#include "harness/cmd.h"
#include "harness/serve.h"
#include "harness/settings.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEY_LISTEN = 0x200, KEY_SOCKET, KEY_PROFILE, KEY_WITHOUT, KEY_CONNECTIONS };

struct serve {
    struct md_serve_config config;
    enum md_quirk without[MD_QUIRKS];
    const char *words[MD_NODE_ARGS_MAX]; /* of memcached's own options */
    char flags[MD_NODE_ARGS_MAX][3];
    size_t n_words;
    bool has_memory;
    uint32_t requests; /* -R */
    char *listen;      /* owned: host and port in one */
};

static void add_word(struct argp_state *state, struct serve *s, const char *word) {
    if (s->n_words == MD_NODE_ARGS_MAX)
        argp_error(state, "too many options");
    else
        s->words[s->n_words++] = word;
}

static void add_option(struct argp_state *state, struct serve *s, int key, const char *value) {
    size_t at = s->n_words;
    if (at < MD_NODE_ARGS_MAX)
        snprintf(s->flags[at], sizeof s->flags[at], "-%c", key);
    add_word(state, s, s->flags[at]);
    if (value)
        add_word(state, s, value);
    s->has_memory |= key == 'm';
}

/* HOST:PORT or [HOST]:PORT. */
static void set_listen(struct argp_state *state, struct serve *s, const char *word) {
    free(s->listen);
    s->listen = md_strdup(word);
    char *colon = strrchr(s->listen, ':'), *host = s->listen;
    if (!colon || colon == host || !colon[1]) {
        argp_error(state, "--listen takes HOST:PORT or [ADDRESS]:PORT, not '%s'", word);
        return;
    }
    *colon = 0;
    if (host[0] == '[' && colon[-1] == ']') {
        colon[-1] = 0;
        host++;
    }
    s->config.host = host;
    s->config.port = colon + 1;
}

static void set_profile(struct serve *s, const char *word) {
    bool exact;
    s->config.profile = md_profile_find(word, &exact);
    if (!exact)
        md_complain("note: memcached %s is unknown: the profile is that of %s", word,
                    md_profile_name(s->config.profile));
}

static void add_without(struct argp_state *state, struct serve *s, const char *word) {
    enum md_quirk quirk = md_quirk_find(word);
    if (quirk == MD_QUIRK_NONE)
        argp_error(state, "there is no quirk '%s' (`memdiverge rules` lists them)", word);
    else if (s->config.n_without < MD_QUIRKS)
        s->without[s->config.n_without++] = quirk;
}

static error_t parse(int key, char *word, struct argp_state *state) {
    struct serve *s = state->input;
    switch (key) {
    case KEY_LISTEN: set_listen(state, s, word); break;
    case KEY_SOCKET: s->config.socket_path = word; break;
    case KEY_PROFILE: set_profile(s, word); break;
    case KEY_WITHOUT: add_without(state, s, word); break;
    case KEY_CONNECTIONS:
        s->config.connections =
            (unsigned)md_settings_number(state, "--connections", word, 1, MD_SERVE_CONNECTIONS_MAX);
        break;
    case 'R': s->requests = (uint32_t)md_settings_number(state, "-R", word, 1, 1000000); break;
    case 'v': s->config.verbose = true; break;
    case 'C':
    case 'F':
    case 'M':
    case 'L':
    case 'I':
    case 'm':
    case 'f':
    case 'n':
    case 'B':
    case 'o': add_option(state, s, key, word); break;
    case ARGP_KEY_ARG: argp_error(state, "'%s' is one word too many", word); break;
    case ARGP_KEY_END:
        if (s->config.socket_path && s->listen)
            argp_error(state, "--listen is for TCP, --socket is a file: give one of them");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* memcached's own options in the words of a trace; without -m memcached's own limit. */
static bool read_options(struct serve *s, struct md_buf *why) {
    struct md_node_options o;
    md_node_options_default(&o);
    if (!s->has_memory && s->n_words + 2 <= MD_NODE_ARGS_MAX) {
        s->words[s->n_words++] = "-m";
        s->words[s->n_words++] = "64";
    }
    bool ok = md_node_options_parse(&o, s->words, s->n_words, why);
    s->config.options = o.model;
    s->config.options.reqs_per_event = s->requests;
    md_node_options_free(&o);
    if (ok && s->config.options.segmented) {
        md_buf_str(why, "lru_maintainer: what it evicts is chance, so the server cannot say; "
                        "without it the order is that of last use");
        ok = false;
    }
    return ok;
}

static int serve(struct serve *s) {
    struct md_buf why = {0};
    int code = MD_EXIT_USAGE;
    if (read_options(s, &why)) {
        struct md_serve *server = md_serve_new(&s->config, &why);
        code = MD_EXIT_FAILED;
        if (server) {
            printf("memdiverge: %s listens on %s\n", md_profile_name(s->config.profile),
                   md_serve_address(server));
            fflush(stdout);
            code = md_serve_run(server) ? MD_EXIT_AGREED : MD_EXIT_FAILED;
        }
        md_serve_free(server);
    }
    if (why.len)
        md_complain("%s", md_buf_cstr(&why));
    md_buf_free(&why);
    return code;
}

int md_cmd_serve(int argc, char **argv) {
    static const struct argp_option options[] = {
        {0, 0, 0, 0, "Where:", 1},
        {"listen", KEY_LISTEN, "HOST:PORT", 0,
         "TCP (default: 127.0.0.1:11211); port 0: any that is free", 1},
        {"socket", KEY_SOCKET, "PATH", 0, "a unix socket instead", 1},
        {"connections", KEY_CONNECTIONS, "N", 0, "clients at a time (default: 1024)", 1},
        {0, 0, 0, 0, "What it is like:", 2},
        {"profile", KEY_PROFILE, "NAME", 0, "a version of memcached", 2},
        {"without-quirk", KEY_WITHOUT, "ID", 0, "do without a known quirk; repeatable", 2},
        {0, 'm', "MIB", 0, "memory (default: 64), as memcached's own; the following as well", 3},
        {0, 'I', "SIZE", 0, "largest item", 3},
        {0, 'f', "FACTOR", 0, "growth of slab classes", 3},
        {0, 'n', "BYTES", 0, "least size of a chunk", 3},
        {0, 'B', "PROTOCOL", 0, "ascii, binary, or auto (default: by the first byte)", 3},
        {0, 'R', "N", 0, "requests of one client at a time (default: 20)", 3},
        {0, 'C', 0, 0, "no CAS", 3},
        {0, 'F', 0, 0, "no flush_all", 3},
        {0, 'M', 0, 0, "errors, not evictions, where memory is used up", 3},
        {0, 'L', 0, 0, "a page for each class from the start", 3},
        {0, 'o', "NAME=VALUE", 0, "slab_chunk_max=BYTES", 3},
        {0, 'v', 0, 0, "say who is disconnected and why", 4},
        {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "A fake memcached: the model behind a socket, in real time, until Ctrl-C. It does "
               "what the specification says and, with the quirks of its version, what that version "
               "does (docs/serve.md says how far that is measured)."};
    bool exact;
    struct serve s = {.config = {.profile = md_profile_find("", &exact),
                                 .host = "127.0.0.1",
                                 .port = "11211",
                                 .connections = MD_SERVE_CONNECTIONS},
                      .requests = 20};
    s.config.without = s.without;
    md_settings_parse(&argp, argc, argv, &s);
    int code = serve(&s);
    free(s.listen);
    return code;
}
