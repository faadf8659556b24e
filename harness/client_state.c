/* What is known of a client between two calls; see client_internal.h. */
#include "harness/client_internal.h"

void md_client_state_drop_found(struct md_client_state *s) {
    s->n_found = 0;
    s->mget = false;
}

void md_client_state_begin(struct md_client_state *s) {
    memset(s->on, 0, sizeof s->on);
    s->servers = 1;
    s->cas_seen = s->keys_used = 0;
    s->odd_keys = false;
    s->found_some = s->count_left = false;
    md_buf_clear(&s->namespace);
    for (unsigned i = 0; i < MD_CLIENT_SERVERS_MAX; i++)
        md_buf_clear(&s->pending[i]);
    md_client_state_quit(s);
}

void md_client_state_free(struct md_client_state *s) {
    md_buf_free(&s->namespace);
    for (unsigned i = 0; i < MD_CLIENT_SERVERS_MAX; i++)
        md_buf_free(&s->pending[i]);
    for (size_t i = 0; i < MD_CLIENT_KEYS_MAX; i++) {
        md_buf_free(&s->found[i].key);
        md_buf_free(&s->found[i].answer.value);
    }
}

void md_client_state_quit(struct md_client_state *s) {
    for (unsigned i = 0; i < MD_CLIENT_SERVERS_MAX; i++)
        s->unanswered[i] = s->on_wire[i] = s->quiet_error[i] = false;
    s->wire_bytes = 0;
    md_client_state_drop_found(s);
}

/* Takes one out, keeping the order and every buffer. */
void md_client_state_fetched(struct md_client_state *s, size_t i) {
    struct md_client_found taken = s->found[i];
    for (s->n_found--; i < s->n_found; i++)
        s->found[i] = s->found[i + 1];
    s->found[s->n_found] = taken;
    s->found_some = true;
}

bool md_client_odd_key(uint8_t key) {
    struct md_client_bytes b = md_client_key(key);
    for (uint32_t i = 0; i < b.len; i++)
        if ((uint8_t)b.text[i] <= ' ' || b.text[i] == 127)
            return true;
    return false;
}

void md_client_state_uses(struct md_client_state *s, uint8_t key) {
    s->keys_used |= UINT64_C(1) << key % 64;
    s->odd_keys |= md_client_odd_key(key);
}

void md_client_full_key(const struct md_client_state *s, uint8_t key, struct md_buf *out) {
    md_buf_clear(out);
    md_buf_append(out, s->namespace.data, s->namespace.len);
    md_client_bytes_append(out, md_client_key(key));
    for (size_t i = s->namespace.len; i < out->len; i++)
        if (out->data[i] <= ' ' || out->data[i] == 127)
            out->data[i] |= 0x80;
}

/* ---- conditions ------------------------------------------------------------------------------ */

static uint32_t of_key(const struct md_client_state *s, uint8_t index) {
    struct md_client_bytes key = md_client_key(index);
    size_t len = (size_t)key.len * key.times;
    uint32_t found = 0;
    if (len == 0)
        found |= MD_CLIENT_C_KEY_EMPTY;
    else if (len > MD_KEY_MAX)
        found |= MD_CLIENT_C_KEY_LONG;
    else if (len + s->namespace.len > MD_KEY_MAX)
        found |= MD_CLIENT_C_KEY_NS_LONG;
    if (md_client_odd_key(index))
        found |= MD_CLIENT_C_KEY_ILLEGAL;
    for (uint32_t i = 0; i < key.len; i++) {
        if ((uint8_t)key.text[i] > 126)
            found |= MD_CLIENT_C_KEY_HIGH;
    }
    return found;
}

static uint32_t of_exptime(int64_t exptime) {
    uint32_t found = 0, low = (uint32_t)exptime;
    if (exptime < 0)
        found |= MD_CLIENT_C_EXPTIME_NEGATIVE;
    if (exptime > UINT32_MAX)
        found |= MD_CLIENT_C_EXPTIME_OVER;
    if (low == UINT32_MAX)
        found |= MD_CLIENT_C_EXPTIME_NOT_ADD;
    if (low > INT32_MAX)
        found |= MD_CLIENT_C_EXPTIME_HIGH;
    return found;
}

static uint32_t of_namespace(const struct md_client_call *c) {
    struct md_client_bytes b = md_client_namespace(c->namespace);
    uint32_t found = b.len * b.times > 127 ? MD_CLIENT_C_NS_LONG : 0;
    for (uint32_t i = 0; i < b.len; i++)
        if (b.text[i] <= ' ' || b.text[i] == 127)
            found |= MD_CLIENT_C_NS_ILLEGAL;
    return found;
}

static uint32_t of_cas(const struct md_client_state *s, const struct md_client_call *c) {
    struct md_client_cas cas = md_client_cas(c->cas);
    uint64_t value = (cas.seen ? s->cas_seen : 0) + cas.plus;
    if (value == 0)
        return MD_CLIENT_C_CAS_ZERO;
    return value >= UINT64_C(10000000000000000000) ? MD_CLIENT_C_CAS_WIDE : 0;
}

static uint32_t of_arguments(const struct md_client_state *s, const struct md_client_call *c) {
    unsigned f = md_client_op_fields((enum md_client_op)c->op);
    uint32_t found = 0;
    if (f & MD_CLIENT_F_KEY)
        found |= of_key(s, c->key);
    for (uint8_t i = 0; f & MD_CLIENT_F_KEYS && i < c->n_keys; i++)
        found |= of_key(s, c->keys[i]);
    if (f & MD_CLIENT_F_EXPTIME)
        found |= of_exptime(md_client_exptime(c->exptime));
    if (f & MD_CLIENT_F_CAS)
        found |= of_cas(s, c);
    if (c->op == MD_CLIENT_DELETE && md_client_seconds(c->seconds))
        found |= MD_CLIENT_C_TIME_GIVEN;
    if (f & MD_CLIENT_F_NAMESPACE)
        found |= of_namespace(c);
    if (c->op == MD_CLIENT_ADD_SERVER && s->servers > 1)
        found |= MD_CLIENT_C_SECOND_TWICE;
    if (f & MD_CLIENT_F_SETTING && c->setting == MD_CLIENT_VERIFY_KEY && s->on[MD_CLIENT_BINARY])
        found |= MD_CLIENT_C_TEXT_IN_BINARY;
    return found;
}

/* MEMCACHED_BEHAVIOR_IO_BYTES_WATERMARK is 65 KiB: a little less, since the protocols differ. */
static bool is_bulk(const struct md_client_state *s, const struct md_client_call *c) {
    struct md_client_bytes v = md_client_value(c->value);
    size_t most = 0;
    for (unsigned i = 0; i < MD_CLIENT_SERVERS_MAX; i++)
        most = s->pending[i].len > most ? s->pending[i].len : most;
    if (md_client_op_fields((enum md_client_op)c->op) & MD_CLIENT_F_VALUE)
        most += v.len * v.times;
    return most + s->wire_bytes > 60000;
}

uint32_t md_client_conditions(const struct md_client_state *s, const struct md_client_call *c) {
    static const struct {
        enum md_client_setting setting;
        uint32_t condition;
    } of_settings[] = {
        {MD_CLIENT_BINARY, MD_CLIENT_C_BINARY},     {MD_CLIENT_BUFFER, MD_CLIENT_C_BUFFER},
        {MD_CLIENT_NOREPLY, MD_CLIENT_C_NOREPLY},   {MD_CLIENT_NO_BLOCK, MD_CLIENT_C_NO_BLOCK},
        {MD_CLIENT_VERIFY_KEY, MD_CLIENT_C_VERIFY},
    };
    uint32_t found = of_arguments(s, c);
    for (size_t i = 0; i < sizeof of_settings / sizeof *of_settings; i++)
        if (s->on[of_settings[i].setting])
            found |= of_settings[i].condition;
    for (unsigned i = 0; i < MD_CLIENT_SERVERS_MAX; i++) {
        found |= s->unanswered[i] ? MD_CLIENT_C_UNANSWERED : 0;
        found |= s->on_wire[i] ? MD_CLIENT_C_UNFETCHED : 0;
        found |= s->quiet_error[i] ? MD_CLIENT_C_QUIET_ERROR : 0;
    }
    if (s->namespace.len)
        found |= MD_CLIENT_C_NAMESPACE;
    if (s->servers > 1)
        found |= MD_CLIENT_C_TWO_SERVERS;
    if (s->found_some)
        found |= MD_CLIENT_C_FOUND_SOME;
    for (size_t i = 0; c->op == MD_CLIENT_FETCH && i < s->n_found; i++)
        if (memchr(s->found[i].key.data, 0, s->found[i].key.len))
            found |= MD_CLIENT_C_KEY_ILLEGAL;
    if (is_bulk(s, c))
        found |= MD_CLIENT_C_BULK;
    if (s->count_left)
        found |= MD_CLIENT_C_COUNT_LEFT;
    if (!s->mget)
        found |= MD_CLIENT_C_NO_MGET;
    return found;
}
