/*
 * To which of its servers a client sends a key: the model's placement, beside which what the library
 * says of itself is judged. A client that was told nothing of hashes places by the default ones.
 */
#include "harness/client_internal.h"

#include "model/placement.h"

bool md_client_place(const struct md_client_state *s, uint8_t key, unsigned *server) {
    struct md_client_bytes bytes = md_client_key(key);
    struct md_server servers[MD_CLIENT_SERVERS_MAX] = {0};
    struct md_placement_settings settings = {.distribution = MD_DIST_MODULA,
                                             .hash = MD_HASH_DEFAULT,
                                             .prefix = NULL,
                                             .hash_with_prefix = s->on[MD_CLIENT_HASH_WITH_PREFIX]};
    struct md_buf prefix = {0}, text = {0};
    md_client_bytes_append(&text, bytes);
    md_buf_append(&prefix, s->namespace.data, s->namespace.len);
    settings.prefix = prefix.len ? md_buf_cstr(&prefix) : NULL;
    bool valid = text.len > 0 && text.len + prefix.len <= MD_KEY_MAX;
    /* prefix-nul: a deviation of its own, which the comparison of placements knows. */
    bool cut = settings.hash_with_prefix && text.len && memchr(text.data, 0, text.len);
    if (valid && !cut) {
        struct md_placement *p = md_placement_new(&settings, servers, s->servers);
        *server = md_placement_of(p, text.data, text.len);
        md_placement_free(p);
    }
    md_buf_free(&prefix);
    md_buf_free(&text);
    return valid && !cut;
}
