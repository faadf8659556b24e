/*
 * Plants one fault in a copy of memcached's source: `plant FAULT FOLDER` changes one place in one
 * file of FOLDER, or says why it cannot and changes nothing.
 *
 * A fault is a text file:
 *
 *   # What is wrong, in one sentence.
 *   area: ttl
 *   file: memcached.c
 *   in: realtime
 *   find: exptime > REALTIME_MAXDELTA
 *   with: exptime >= REALTIME_MAXDELTA
 *
 * `find` is literal text that must occur exactly once inside the function `in`: a fault that no
 * longer fits its source is an error, never a silent no-op (which would count as "not found").
 * `with` may be empty: a dropped statement.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD_MAX = 512 };

struct fault {
    char area[FIELD_MAX], file[FIELD_MAX], in[FIELD_MAX], find[FIELD_MAX], with[FIELD_MAX];
};

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fputs("plant: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(2);
}

/* True, and the value copied, if the line is `name: value`. */
static bool field(const char *line, const char *name, char *value) {
    size_t n = strlen(name);
    if (strncmp(line, name, n) != 0 || line[n] != ':')
        return false;
    line += n + 1;
    line += *line == ' ';
    size_t len = strcspn(line, "\n");
    if (len >= FIELD_MAX)
        fail("the value of '%s' is longer than %d bytes", name, FIELD_MAX - 1);
    memcpy(value, line, len);
    value[len] = '\0';
    return true;
}

static void read_fault(const char *path, struct fault *f) {
    FILE *in = fopen(path, "r");
    if (in == NULL)
        fail("cannot open %s: %s", path, strerror(errno));
    char line[FIELD_MAX * 2];
    bool with = false;
    for (int number = 1; fgets(line, sizeof line, in) != NULL; number++) {
        if (line[0] == '#' || line[0] == '\n' || field(line, "area", f->area) ||
            field(line, "file", f->file) || field(line, "in", f->in) ||
            field(line, "find", f->find))
            continue;
        if (!field(line, "with", f->with))
            fail("%s:%d: expected '#', area:, file:, in:, find: or with:", path, number);
        with = true;
    }
    fclose(in);
    if (!with || f->area[0] == '\0' || f->file[0] == '\0' || f->in[0] == '\0' || f->find[0] == '\0')
        fail("%s: area, file, in, find and with are all needed", path);
    if (strchr(f->file, '/') != NULL)
        fail("%s: file is a name inside the source folder, without '/'", path);
}

/* The whole file as a string. */
static char *slurp(const char *path) {
    FILE *in = fopen(path, "r");
    if (in == NULL)
        fail("cannot open %s: %s", path, strerror(errno));
    if (fseek(in, 0, SEEK_END) != 0)
        fail("cannot read %s: %s", path, strerror(errno));
    long size = ftell(in);
    rewind(in);
    char *text = malloc((size_t)size + 1);
    if (text == NULL || fread(text, 1, (size_t)size, in) != (size_t)size)
        fail("cannot read %s", path);
    text[size] = '\0';
    fclose(in);
    return text;
}

/*
 * The function's text: from the line in the first column that names it to the closing brace in the
 * first column. A line that ends in ';' is a declaration.
 */
static bool find_function(const char *text, const char *name, const char **begin,
                          const char **end) {
    size_t n = strlen(name);
    for (const char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        const char *next = line + len + (line[len] == '\n');
        const char *at = strstr(line, name);
        bool starts = line[0] != ' ' && line[0] != '#' && line[0] != '/' && at != NULL &&
                      at < line + len && at[n] == '(' && line[len - 1] != ';' &&
                      (at == line || at[-1] == ' ' || at[-1] == '*');
        if (starts) {
            const char *brace = strstr(line, "\n}");
            if (brace == NULL)
                return false;
            *begin = line;
            *end = brace;
            return true;
        }
        line = next;
    }
    return false;
}

static const char *find_once(const struct fault *f, const char *text) {
    const char *begin, *end;
    if (!find_function(text, f->in, &begin, &end))
        fail("%s has no function %s: another version of memcached?", f->file, f->in);
    const char *at = strstr(begin, f->find);
    if (at == NULL || at >= end)
        fail("'%s' is not in %s of %s: another version of memcached?", f->find, f->in, f->file);
    const char *again = strstr(at + 1, f->find);
    if (again != NULL && again < end)
        fail("'%s' is more than once in %s of %s: make it longer", f->find, f->in, f->file);
    return at;
}

int main(int argc, char **argv) {
    if (argc != 3)
        fail("usage: plant FAULT SOURCE-FOLDER");
    struct fault f = {.area = ""};
    read_fault(argv[1], &f);
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", argv[2], f.file) >= sizeof path)
        fail("the path of the source folder is too long");
    char *text = slurp(path);
    const char *at = find_once(&f, text);
    FILE *out = fopen(path, "w");
    if (out == NULL)
        fail("cannot write %s: %s", path, strerror(errno));
    fwrite(text, 1, (size_t)(at - text), out);
    fputs(f.with, out);
    fputs(at + strlen(f.find), out);
    if (ferror(out) || fclose(out) != 0)
        fail("cannot write %s: %s", path, strerror(errno));
    free(text);
    return 0;
}
