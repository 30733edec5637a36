/* A name is NAME[:device][+option...]; what a user defines is NAME=BACKEND[@location][:device][+option...]. A location
 * may itself hold colons and plus signs, so it is read from the right: trailing "+word" are options as long as the word
 * is one, and ":word" is a device if the word looks like one and the location is not a URL. Options are put into the
 * order of the table below, so that equal backends have equal ids. */
#include "run/backend_spec.h"
#include "base/text.h"
#include "run/backend_folder.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef enum option {
    OPTION_COMPILE,
    OPTION_TUNED,
    OPTION_TF32,
    OPTION_ISA, /* the last that the backend itself is told */
    OPTION_THREADS,
    OPTION_DELAY,
    OPTION_TWIN,
    OPTION_COUNT,
    OPTION_UNKNOWN = OPTION_COUNT
} option;

static const char *const option_names[OPTION_COUNT] = {
    "compile", "tuned", "tf32", "isa=", "threads=", "delay=", "twin"};
static const char known_options[] = "compile, tuned, tf32, isa=NAME, threads=N, delay=PCT, twin";

static const char *const aliases[][2] = {
    {"cpu", "torch:cpu"},   {"mps", "torch:mps"},   {"cuda", "torch:cuda"},
    {"mlx_cpu", "mlx:cpu"}, {"mlx_gpu", "mlx:gpu"}, {"mlx_gpu_compile", "mlx:gpu+compile"},
};

/* What a name without a device stands for; "" for none, "cpu" for whatever is not listed. */
static const char *const default_devices[][2] = {{"mlx", "gpu"}, {"openai", ""}};

typedef struct options {
    bool present[OPTION_COUNT];
    int64_t threads, delay;
    char isa[24];
} options;

static bool is_word(const char *text, size_t length)
{
    if (length == 0 || text[0] < 'a' || text[0] > 'z') return false;
    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_') return false;
    }
    return true;
}

/* The option's number; *value gets the number that stands behind its "=". */
static option find_option(const char *word, size_t length, int64_t *value)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        const size_t name = strlen(option_names[i]);
        if (length < name || strncmp(word, option_names[i], name) != 0) continue;
        if (option_names[i][name - 1] != '=') {
            if (length == name) return (option)i;
            continue;
        }
        char text[sizeof((options *)0)->isa] = "";
        if (length - name >= sizeof text) continue;
        memcpy(text, word + name, length - name);
        if (i == OPTION_ISA ? is_word(text, length - name) : tm_parse_i64(text, value)) return (option)i;
    }
    return OPTION_UNKNOWN;
}

static tm_status add_option(const char *text, const char *word, size_t length, options *into, tm_error *error)
{
    int64_t value = 0;
    const option found = find_option(word, length, &value);
    if (found == OPTION_UNKNOWN) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "backend '%s': unknown option '+%.*s' (there are: %s)", text,
                       (int)(length < 64 ? length : 64), word, known_options);
    }
    if (found == OPTION_THREADS && (value < 1 || value > 4096)) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "backend '%s': threads must be 1 to 4096", text);
    }
    if (found == OPTION_DELAY && (value < 0 || value > 1000)) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "backend '%s': delay must be 0 to 1000 percent", text);
    }
    into->present[found] = true;
    if (found == OPTION_THREADS) into->threads = value;
    if (found == OPTION_DELAY) into->delay = value;
    if (found == OPTION_ISA) {
        const size_t name = strlen(option_names[found]);
        snprintf(into->isa, sizeof into->isa, "%.*s", (int)(length - name), word + name);
    }
    return TM_OK;
}

/* "+tuned+threads=2" -> options. */
static tm_status read_options(const char *text, const char *from, options *into, tm_error *error)
{
    tm_status status = TM_OK;
    while (*from == '+' && status == TM_OK) {
        const size_t length = strcspn(from + 1, "+");
        status = add_option(text, from + 1, length, into, error);
        from += 1 + length;
    }
    return status;
}

/* Copies `length` bytes if they fit. */
static tm_status copy_part(const char *text, const char *part, const char *from, size_t length, char *into,
                           size_t capacity, tm_error *error)
{
    if (length >= capacity) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "backend '%.200s': the %s is too long", text, part);
    }
    memcpy(into, from, length);
    into[length] = '\0';
    return TM_OK;
}

/* Where the trailing options of a text with a location begin. */
static size_t location_end(const char *from)
{
    size_t end = strlen(from);
    for (;;) {
        size_t plus = end;
        while (plus > 0 && from[plus - 1] != '+') plus--;
        int64_t value;
        if (plus == 0 || find_option(from + plus, end - plus, &value) == OPTION_UNKNOWN) return end;
        end = plus - 1;
    }
}

static tm_status read_location(const char *text, const char *from, tm_backend_spec *into, options *chosen,
                               tm_error *error)
{
    size_t end = location_end(from);
    tm_status status = read_options(text, from + end, chosen, error);
    if (status != TM_OK) return status;
    const bool url = strncmp(from, "http://", 7) == 0 || strncmp(from, "https://", 8) == 0;
    char whole[PATH_MAX];
    snprintf(whole, sizeof whole, "%.*s", (int)end, from);
    size_t colon = end;
    while (!url && colon > 0 && from[colon - 1] != ':' && from[colon - 1] != '/') colon--;
    if (!url && colon > 0 && from[colon - 1] == ':' && is_word(from + colon, end - colon) && access(whole, F_OK) != 0) {
        status = copy_part(text, "device", from + colon, end - colon, into->device, sizeof into->device, error);
        end = colon - 1;
    }
    if (status == TM_OK && end == 0) {
        status = tm_fail(error, TM_INVALID_ARGUMENT, "backend '%s': nothing behind the '@'", text);
    }
    if (status != TM_OK) return status;
    return copy_part(text, "location", from, end, into->location, sizeof into->location, error);
}

/* BACKEND[@location][:device][+option...] */
static tm_status read_plain(const char *text, bool may_locate, tm_backend_spec *into, options *chosen, tm_error *error)
{
    const size_t name = strcspn(text, "@:+");
    if (!is_word(text, name)) return tm_fail(error, TM_INVALID_ARGUMENT, "'%s' is no backend name", text);
    tm_status status = copy_part(text, "name", text, name, into->name, sizeof into->name, error);
    const char *rest = text + name;
    if (status != TM_OK) return status;
    if (*rest == '@') {
        if (may_locate) return read_location(text, rest + 1, into, chosen, error);
        return tm_fail(error, TM_INVALID_ARGUMENT, "'%s': give a path or URL a name first: --backend NAME=%s", text,
                       text);
    }
    if (*rest == ':') {
        const size_t device = strcspn(rest + 1, "+");
        if (!is_word(rest + 1, device)) return tm_fail(error, TM_INVALID_ARGUMENT, "'%s' names no device", text);
        status = copy_part(text, "device", rest + 1, device, into->device, sizeof into->device, error);
        rest += 1 + device;
    }
    return status == TM_OK ? read_options(text, rest, chosen, error) : status;
}

/* The definition of the name that `text` begins with, NULL for none: *rest gets what stands behind the name. */
static const char *find_definition(const char *text, const char *const *definitions, const char **rest)
{
    const size_t name = strcspn(text, "+");
    for (size_t i = 0; definitions && definitions[i]; i++) {
        if (strncmp(definitions[i], text, name) == 0 && definitions[i][name] == '=') {
            *rest = text + name;
            return definitions[i] + name + 1;
        }
    }
    return NULL;
}

static const char *find_alias(const char *text, const char **rest)
{
    const size_t name = strcspn(text, ":+");
    if (text[name] == ':') return NULL;
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        if (strlen(aliases[i][0]) == name && strncmp(aliases[i][0], text, name) == 0) {
            *rest = text + name;
            return aliases[i][1];
        }
    }
    return NULL;
}

static void default_device(tm_backend_spec *spec)
{
    if (spec->device[0]) return;
    snprintf(spec->device, sizeof spec->device, "cpu");
    for (size_t i = 0; i < sizeof default_devices / sizeof *default_devices; i++) {
        if (strcmp(default_devices[i][0], spec->name) == 0) {
            snprintf(spec->device, sizeof spec->device, "%s", default_devices[i][1]);
        }
    }
}

/* Appends "+tuned+threads=2" in the table's order. */
static void print_options(const options *chosen, tm_text *into)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (!chosen->present[i]) continue;
        tm_text_format(into, "+%s", option_names[i]);
        if (i == OPTION_ISA) tm_text_add(into, chosen->isa);
        if (i == OPTION_THREADS) tm_text_format(into, "%lld", (long long)chosen->threads);
        if (i == OPTION_DELAY) tm_text_format(into, "%lld", (long long)chosen->delay);
    }
}

static tm_status write_id(const char *text, const char *own_name, const options *chosen, tm_backend_spec *into,
                          tm_error *error)
{
    tm_text id = {0};
    if (own_name) {
        tm_text_add_bytes(&id, own_name, strcspn(own_name, "+"));
    } else {
        tm_text_add(&id, into->name);
        if (into->device[0]) tm_text_format(&id, ":%s", into->device);
    }
    print_options(chosen, &id);
    tm_status status = TM_OK;
    if (id.failed) {
        status = tm_fail_memory(error, "a backend's name");
    } else {
        status = copy_part(text, "name", id.data, id.length, into->id, sizeof into->id, error);
    }
    tm_text_free(&id);
    return status;
}

/* The --backend option that means the same from any folder. */
static tm_status write_definition(const char *own_name, const options *defined, tm_backend_spec *into, tm_error *error)
{
    tm_text text = {0};
    tm_text_add_bytes(&text, own_name, strcspn(own_name, "+"));
    tm_text_format(&text, "=%s", into->name);
    if (into->location[0]) {
        char folder[PATH_MAX];
        const bool moves = into->location[0] != '/' && access(into->location, F_OK) == 0;
        const bool known = moves && getcwd(folder, sizeof folder);
        tm_text_format(&text, "@%s%s%s", known ? folder : "", known ? "/" : "", into->location);
    }
    if (!strstr(into->location, "://")) tm_text_format(&text, ":%s", into->device);
    print_options(defined, &text);
    const tm_status status = text.failed ? tm_fail_memory(error, "a backend's name")
                                         : copy_part(own_name, "definition", text.data, text.length, into->definition,
                                                     sizeof into->definition, error);
    tm_text_free(&text);
    return status;
}

/* The location is the backend itself if it is a library, unless that is the framework's, meant for a backend that is
 * here. */
static bool locates_backend(const tm_backend_spec *spec)
{
    if (!spec->location[0] || !tm_is_library(spec->location)) return false;
    char library[sizeof spec->library];
    return tm_is_backend(spec->location) || !tm_backend_library(spec->name, library, sizeof library);
}

/* Which file is loaded: what the location names if that is a backend, the engine, or a library of the backend folder.
 */
static tm_status find_library(const char *text, tm_backend_spec *into, tm_error *error)
{
    if (locates_backend(into)) {
        /* A path without a slash would be looked for in the system's folders. */
        const char *here = strchr(into->location, '/') ? "" : "./";
        snprintf(into->library, sizeof into->library, "%s%.500s", here, into->location);
        into->location[0] = '\0';
        return TM_OK;
    }
    if (strcmp(into->name, "native") == 0) {
        if (!into->location[0]) return TM_OK;
        return tm_fail(error, TM_INVALID_ARGUMENT, "backend '%s': %s is no shared library", text, into->location);
    }
    if (tm_backend_library(into->name, into->library, sizeof into->library)) return TM_OK;
    if (into->location[0]) {
        return tm_fail(error, TM_INVALID_ARGUMENT,
                       "backend '%s': %s is no shared library, and there is no backend '%s'", text, into->location,
                       into->name);
    }
    char names[256] = "";
    const char *const *known = tm_backend_names();
    for (size_t i = 0, used = 0; known[i] && used < sizeof names; i++) {
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", known[i]);
    }
    return tm_fail(error, TM_INVALID_ARGUMENT, "unknown backend '%s' (here: %s)", text, names);
}

tm_status tm_backend_spec_parse(const char *text, const char *const *definitions, tm_backend_spec *into,
                                tm_error *error)
{
    memset(into, 0, sizeof *into);
    options chosen = {0}, defined = {0};
    const char *rest = "";
    const char *definition = find_definition(text, definitions, &rest);
    const char *own_name = definition ? text : NULL;
    tm_status status = TM_OK;
    if (definition) {
        if (!is_word(text, strcspn(text, "+"))) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "'%s': a backend's own name is made of a-z, 0-9 and _", text);
        }
        status = read_plain(definition, true, into, &defined, error);
    } else if ((definition = find_alias(text, &rest)) != NULL) {
        status = read_plain(definition, false, into, &chosen, error);
    } else {
        status = read_plain(text, false, into, &chosen, error);
    }
    if (status == TM_OK) status = read_options(text, rest, &chosen, error);
    if (status != TM_OK) return status;

    default_device(into);
    status = write_id(text, own_name, &chosen, into, error);
    if (status == TM_OK && own_name) status = write_definition(own_name, &defined, into, error);
    for (int i = 0; i < OPTION_COUNT; i++) defined.present[i] = defined.present[i] || chosen.present[i];
    into->threads = (int32_t)(chosen.threads ? chosen.threads : defined.threads);
    into->delay_percent = (int32_t)(chosen.present[OPTION_DELAY] ? chosen.delay : defined.delay);
    into->twin = defined.present[OPTION_TWIN];
    for (int i = OPTION_COMPILE; i <= OPTION_ISA; i++) {
        const size_t used = strlen(into->options);
        if (!defined.present[i]) continue;
        const char *isa = i != OPTION_ISA ? "" : chosen.present[i] ? chosen.isa : defined.isa;
        snprintf(into->options + used, sizeof into->options - used, "%s%s%s", used ? "," : "", option_names[i], isa);
    }
    return status == TM_OK ? find_library(text, into, error) : status;
}
