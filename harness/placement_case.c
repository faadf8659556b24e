/*
 * Any bytes as a case for the placement: settings, servers and keys. Small numbers choose from
 * what matters (the port that is left out, hosts that are alike, weights of one and more), the
 * rest is taken as it is.
 */
#include "harness/placement_compare.h"

#include <stdio.h>

struct reader {
    const uint8_t *data;
    size_t left;
};

static uint8_t byte(struct reader *r) {
    if (r->left == 0)
        return 0;
    r->left--;
    return *r->data++;
}

static uint32_t word(struct reader *r, unsigned bytes) {
    uint32_t w = 0;
    for (unsigned i = 0; i < bytes; i++)
        w = w << 8 | byte(r);
    return w;
}

/* A text of visible bytes and of those above 0x7f; never a slash, which would make it a socket. */
static void text(struct reader *r, char *out, size_t most) {
    size_t n = 1 + byte(r) % most;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = byte(r);
        out[i] = c <= ' ' || c == 0x7f || c == '/' ? 'x' : (char)c;
    }
    out[n] = 0;
}

/* Tame: lists and configuration strings can say it too. */
static void read_host(struct reader *r, bool tame, char host[MD_HOST_MAX]) {
    uint8_t kind = byte(r);
    enum { LOCAL = 0, NAMED, LETTER, ANY, LONG };
    switch (kind % 5 % (tame ? LETTER : LONG + 1)) {
    case LOCAL: snprintf(host, MD_HOST_MAX, "127.0.0.%u", 1 + kind / 5); break;
    case NAMED: snprintf(host, MD_HOST_MAX, "cache-%u.example.org", kind / 5); break;
    case LETTER: snprintf(host, MD_HOST_MAX, "%c", 'a' + kind / 5 % 26); break;
    case ANY: text(r, host, 20); break;
    case LONG: text(r, host, MD_HOST_MAX - 1); break;
    }
}

static void read_server(struct reader *r, bool tame, struct md_server *s) {
    static const uint16_t ports[] = {MD_SERVER_PORT, 0, 22122, 1, 65535};
    uint8_t kind = byte(r);
    memset(s, 0, sizeof *s);
    read_host(r, tame, s->host);
    s->port = kind % 8 < 5 ? ports[kind % 8] : (uint16_t)word(r, 2);
    switch (kind / 8 % 8) {
    case 0:
    case 1:
    case 2: s->weight = 1; break;
    case 3: s->weight = 2; break;
    case 4: s->weight = 0; break;
    case 5: s->weight = byte(r); break;
    case 6: s->weight = word(r, 2); break;
    case 7: s->weight = word(r, tame ? 2 : 4); break;
    }
    s->dead = kind >> 6 == 3;
}

static void read_keys(struct reader *r, const struct md_placement_case *c, struct md_keys *keys) {
    enum { NUMBERED = 1000 }; /* a lookup costs little beside a ring */
    size_t most = MD_KEY_LONGEST - strlen(c->prefix);
    while (r->left > 1) {
        size_t n = 1 + byte(r) % most;
        n = n < r->left ? n : r->left;
        md_keys_add(keys, r->data, n);
        r->data += n;
        r->left -= n;
    }
    md_keys_make(keys, MD_KEYS_SEQUENTIAL, NUMBERED, 0, NULL, 0);
}

void md_placement_case_read(const uint8_t *data, size_t size, struct md_placement_case *c,
                            struct md_keys *keys) {
    enum {
        LIBRARY_S = MD_DIST_VIRTUAL_BUCKET + 1,
        SORT = 1,
        HASHED = 2,
        PREFIX = 4,
        MANY = 8,
        TAME = 16
    };
    struct reader r = {data, size};
    memset(c, 0, sizeof *c);
    c->settings.distribution = byte(&r) % LIBRARY_S;
    c->settings.hash = byte(&r) % MD_KEY_HASHES;
    c->reach = byte(&r) % MD_REACHES;
    uint8_t flags = byte(&r);
    c->settings.sort_hosts = flags & SORT;
    c->settings.hash_with_prefix = flags & HASHED;
    if (flags & PREFIX) {
        text(&r, c->prefix, MD_CASE_PREFIX_MAX);
        c->settings.prefix = c->prefix;
    }
    c->n = (size_t)1 + byte(&r) % (flags & MANY ? MD_SERVERS_MAX : 8U);
    for (size_t i = 0; i < c->n; i++)
        read_server(&r, flags & TAME, &c->server[i]);
    read_keys(&r, c, keys);
}
