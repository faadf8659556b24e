/* base64 as in RFC 4648, and the lenient reading of it; see base64.h. */
#include "model/base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { NO_DIGIT = -1 };

/* '=' stands for no bits. */
static int digit(uint8_t c) {
    const char *at = c && c != '=' ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : c == '=' ? 0 : NO_DIGIT;
}

/* Only digits, in fours, and at most two '=' at the end. */
static bool is_proper(const uint8_t *text, size_t n) {
    size_t pad = 0;
    if (n == 0 || n % 4)
        return false;
    while (pad < 2 && text[n - 1 - pad] == '=')
        pad++;
    for (size_t i = 0; i < n - pad; i++)
        if (text[i] == '=' || digit(text[i]) == NO_DIGIT)
            return false;
    return true;
}

/* Three bytes of four digits. */
static void group(uint8_t *out, const uint8_t block[4]) {
    out[0] = (uint8_t)(block[0] << 2 | block[1] >> 4);
    out[1] = (uint8_t)(block[1] << 4 | block[2] >> 2);
    out[2] = (uint8_t)(block[2] << 6 | block[3]);
}

size_t md_base64_decode(const uint8_t *text, size_t n, uint8_t *out, bool *proper) {
    uint8_t block[4], bytes[3];
    size_t digits = 0, made = 0;
    unsigned in_block = 0, pad = 0;
    *proper = is_proper(text, n);
    for (size_t i = 0; i < n; i++)
        digits += digit(text[i]) != NO_DIGIT;
    if (digits == 0 || digits % 4)
        return 0;
    for (size_t i = 0; i < n; i++) {
        int d = digit(text[i]);
        if (d == NO_DIGIT)
            continue;
        pad += text[i] == '=';
        block[in_block++] = (uint8_t)d;
        if (in_block < 4)
            continue;
        in_block = 0;
        if (pad > 2)
            return 0;
        group(bytes, block);
        memcpy(out + made, bytes, 3 - pad);
        made += 3 - pad;
        if (pad)
            break;
    }
    return made;
}

void md_base64_encode(struct md_buf *to, const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint8_t a = bytes[i], b = left > 1 ? bytes[i + 1] : 0, c = left > 2 ? bytes[i + 2] : 0;
        md_buf_byte(to, (uint8_t)alphabet[a >> 2]);
        md_buf_byte(to, (uint8_t)alphabet[(a & 3) << 4 | b >> 4]);
        md_buf_byte(to, left > 1 ? (uint8_t)alphabet[(b & 15) << 2 | c >> 6] : '=');
        md_buf_byte(to, left > 2 ? (uint8_t)alphabet[c & 63] : '=');
    }
}
