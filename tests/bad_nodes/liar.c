/*
 * Nearly a memcached, of another version: set, get, gets, cas and incr, with CAS values from 1000 on (which is
 * its right), but flags of 7 are shown as 8, and incr counts two at a time.
 */
#include "serve.h"

enum { KEYS = 16 };

static struct item {
    char key[64], data[256];
    unsigned flags;
    unsigned long cas;
} items[KEYS];

static unsigned long last_cas = 1000;

/* A store whose data block is the next line of that connection. */
static struct pending {
    struct item *item;
    int refused;
    unsigned flags;
} pending[SERVE_FDS];

static struct item *find(const char *key) {
    for (int i = 0; i < KEYS; i++)
        if (items[i].key[0] == 0 || strcmp(items[i].key, key) == 0) {
            snprintf(items[i].key, sizeof items[i].key, "%s", key);
            return &items[i];
        }
    return &items[KEYS - 1];
}

static void store(int fd, const char *line) {
    struct pending *p = &pending[fd % SERVE_FDS];
    struct item *it = p->item;
    if (!p->refused) {
        snprintf(it->data, sizeof it->data, "%s", line);
        it->flags = p->flags;
        it->cas = ++last_cas;
    }
    p->item = NULL;
    serve_say(fd, p->refused ? "EXISTS\r\n" : "STORED\r\n");
}

static void show(int fd, const char *key, int cas) {
    const struct item *it = find(key);
    char text[512];
    if (it->cas) {
        int n = snprintf(text, sizeof text, "VALUE %s %u %zu", key, it->flags == 7 ? 8 : it->flags,
                         strlen(it->data));
        if (cas)
            n += snprintf(text + n, sizeof text - (size_t)n, " %lu", it->cas);
        snprintf(text + n, sizeof text - (size_t)n, "\r\n%s\r\n", it->data);
        serve_say(fd, text);
    }
    serve_say(fd, "END\r\n");
}

static void add(int fd, const char *key) {
    struct item *it = find(key);
    char text[64];
    snprintf(it->data, sizeof it->data, "%lu", strtoul(it->data, NULL, 10) + 2);
    snprintf(text, sizeof text, "%s\r\n", it->data);
    serve_say(fd, text);
}

static void answer(int fd, const char *line) {
    char key[64] = "";
    unsigned flags = 0;
    unsigned long cas = 0;
    if (pending[fd % SERVE_FDS].item)
        store(fd, line);
    else if (serve_greeting(fd, line, time(NULL)))
        return;
    else if (sscanf(line, "set %63s %u", key, &flags) == 2)
        pending[fd % SERVE_FDS] = (struct pending){find(key), 0, flags};
    else if (sscanf(line, "cas %63s %u %*d %*u %lu", key, &flags, &cas) == 3)
        pending[fd % SERVE_FDS] = (struct pending){find(key), find(key)->cas != cas, flags};
    else if (sscanf(line, "gets %63s", key) == 1)
        show(fd, key, 1);
    else if (sscanf(line, "get %63s", key) == 1)
        show(fd, key, 0);
    else if (sscanf(line, "incr %63s", key) == 1)
        add(fd, key);
    else
        serve_say(fd, "ERROR\r\n");
}

int main(int argc, char **argv) { serve(serve_listen(argc, argv), answer); }
