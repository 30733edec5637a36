/* Case ids: op/shapes[/attributes]/dtype[/cold], or a layer's name with one shape in place of op and shapes.
 *
 * An id is cut at its slashes and read front to back; each part knows where it began, so that an error can point at it.
 * The canonical id is then printed from what was understood, never copied from what was written. */
#include "base/dtype.h"
#include "suite/case_build.h"
#include "suite/id_rules.h"
#include "suite/layers.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PARTS = 6 };

typedef struct id_parts {
    char *text; /* a copy of the id, cut at the slashes */
    const char *part[MOST_PARTS];
    int32_t count, next;
} id_parts;

typedef struct id_meaning {
    tm_attribute_owner owner; /* the op or the layer */
    tm_op op;
    const tm_layer *layer; /* or NULL */
    tm_id_shapes written;
    tm_attributes attributes;
    tm_dtype dtype;
    bool cold;
} id_meaning;

static tm_status cut(const char *id, id_parts *parts, tm_error *error)
{
    if (strlen(id) > TM_CASE_ID_LIMIT) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "a case id has at most %d bytes", TM_CASE_ID_LIMIT);
    }
    parts->text = strdup(id);
    if (!parts->text) return tm_fail_memory(error, "a case id");
    char *at = parts->text;
    while (parts->count < MOST_PARTS) {
        parts->part[parts->count++] = at;
        char *const slash = strchr(at, '/');
        if (!slash) return TM_OK;
        *slash = 0;
        at = slash + 1;
    }
    return tm_fail(error, TM_INVALID_ARGUMENT, "a case id has no part '%.64s'", at);
}

/* The part about to be read, NULL behind the last one. */
static const char *peek(const id_parts *parts)
{
    return parts->next < parts->count ? parts->part[parts->next] : NULL;
}

static tm_status parse_size(const char *text, size_t length, int64_t *into, tm_error *error)
{
    char digits[24];
    if (length > 0 && length < sizeof digits && strspn(text, "0123456789") >= length) {
        memcpy(digits, text, length);
        digits[length] = 0;
        if (tm_parse_i64(digits, into)) return TM_OK;
    }
    return tm_fail(error, TM_INVALID_ARGUMENT, "'%.*s' is not a size", length < 64 ? (int)length : 64, text);
}

static tm_status parse_shape(const char *text, size_t length, tm_shape *into, tm_error *error)
{
    *into = (tm_shape){.dtype = TM_F32};
    if (length == strlen("scalar") && memcmp(text, "scalar", length) == 0) return TM_OK;
    const char *const end = text + length;
    for (const char *at = text;; at++) {
        const size_t digits = strcspn(at, "x,");
        if (into->rank == TM_MAX_RANK) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "shape '%.*s' has more than %d sizes",
                           length < 64 ? (int)length : 64, text, TM_MAX_RANK);
        }
        const tm_status status = parse_size(at, digits, &into->dim[into->rank], error);
        if (status != TM_OK) return status;
        into->rank++;
        at += digits;
        if (at >= end) return TM_OK;
    }
}

static tm_status parse_shapes(const char *text, tm_id_shapes *into, size_t *offset, tm_error *error)
{
    for (const char *at = text;; at++) {
        const size_t length = strcspn(at, ",");
        *offset = (size_t)(at - text);
        if (into->count == TM_MAX_OPERANDS) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "more than %d shapes", TM_MAX_OPERANDS);
        }
        const tm_status status = parse_shape(at, length, &into->shape[into->count], error);
        if (status != TM_OK) return status;
        into->count++;
        at += length;
        if (*at == 0) break;
    }
    *offset = 0;
    return TM_OK;
}

/* Parts behind the shapes, each of which may be missing. */
static tm_status parse_tail(id_parts *parts, id_meaning *meaning, bool *named, tm_error *error)
{
    tm_status status = TM_OK;
    const char *attributes = "";
    if (peek(parts) && strchr(peek(parts), '=')) attributes = peek(parts);
    const int64_t rows = meaning->attributes.rows;
    status = tm_attributes_parse_for(&meaning->owner, attributes, &meaning->attributes, error);
    if (status != TM_OK) return status;
    if (meaning->attributes.rows != rows) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: the shapes say %lld rows", meaning->owner.name,
                       (long long)rows);
    }
    if (*attributes) parts->next++;
    *named = peek(parts) && tm_dtype_parse(peek(parts), &meaning->dtype);
    if (*named && !tm_dtype_is_real(meaning->dtype)) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "'%s' is not a dtype of cases, which are f32, bf16, f16",
                       peek(parts));
    }
    if (*named) parts->next++;
    meaning->cold = peek(parts) && strcmp(peek(parts), "cold") == 0;
    if (meaning->cold) parts->next++;
    if (!peek(parts)) return TM_OK;
    return tm_fail(error, TM_INVALID_ARGUMENT, "'%.64s' is not an attribute, a dtype (f32, bf16, f16) or cold here",
                   peek(parts));
}

static tm_status build_graph(const id_meaning *meaning, const tm_id_shapes *operands, tm_graph **into, tm_error *error)
{
    int32_t values[TM_MAX_OPERANDS];
    tm_graph *const graph = tm_graph_new();
    if (!graph) return tm_fail_memory(error, "a graph");
    bool good = true;
    for (int32_t i = 0; good && i < operands->count; i++) {
        tm_shape shape = operands->shape[i];
        /* Operands beyond the op's own have no letter; the builder then refuses their number. */
        shape.dtype = tm_op_takes_integers(meaning->op, i) ? TM_I64 : meaning->dtype;
        values[i] = tm_graph_input(graph, shape, error);
        good = values[i] >= 0;
    }
    const int32_t result =
        good ? tm_graph_add(graph, meaning->op, values, operands->count, &meaning->attributes, error) : -1;
    if (result >= 0 && tm_graph_output(graph, result, error) == TM_OK) {
        *into = graph;
        return TM_OK;
    }
    tm_graph_free(graph);
    return TM_INVALID_ARGUMENT;
}

static void print_id(const id_meaning *meaning, tm_text *into)
{
    tm_text_add(into, meaning->owner.name);
    for (int32_t i = 0; i < meaning->written.count; i++) {
        const tm_shape *const shape = &meaning->written.shape[i];
        tm_text_add(into, i > 0 ? "," : "/");
        if (shape->rank == 0) tm_text_add(into, "scalar");
        for (int32_t d = 0; d < shape->rank; d++) {
            tm_text_format(into, d > 0 ? "x%lld" : "%lld", (long long)shape->dim[d]);
        }
    }
    tm_text attributes = {0};
    if (tm_attributes_print_for(&meaning->owner, &meaning->attributes, &attributes) && attributes.data) {
        tm_text_format(into, "/%s", attributes.data);
    }
    into->failed |= attributes.failed;
    tm_text_free(&attributes);
    tm_text_format(into, "/%s%s", tm_dtype_name(meaning->dtype), meaning->cold ? "/cold" : "");
}

void tm_case_part_id(const tm_case *one, int32_t node, tm_text *into)
{
    const tm_graph *const graph = one->graph;
    const tm_node *const part = &graph->node[node];
    id_meaning meaning = {.owner = tm_op_owner(part->op), .op = part->op, .attributes = part->attributes};
    tm_id_shapes operands = {.count = part->operands};
    meaning.dtype = one->dtype;
    meaning.cold = one->cold;
    for (int32_t i = 0; i < part->operands; i++) operands.shape[i] = graph->shape[part->operand[i]];
    tm_op_id_rule(part->op)->write(&operands, &graph->shape[graph->inputs + node], &meaning.written);
    print_id(&meaning, into);
}

static bool holds(const tm_case_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].id, id) == 0) return true;
    }
    return false;
}

static tm_status add_part(tm_case_list *list, const char *id, tm_error *error)
{
    tm_case part;
    if (holds(list, id)) return TM_OK;
    const tm_status status = tm_case_parse(id, "breakdown", &part, error);
    return status == TM_OK ? tm_case_list_take(list, &part, error) : status;
}

tm_status tm_case_list_add_parts(tm_case_list *list, tm_error *error)
{
    const size_t cases = list->count;
    tm_status status = TM_OK;
    for (size_t i = 0; i < cases && status == TM_OK; i++) {
        const int32_t nodes = list->items[i].graph->nodes;
        for (int32_t node = 0; nodes > 1 && node < nodes && status == TM_OK; node++) {
            tm_text id = {0};
            tm_case_part_id(&list->items[i], node, &id);
            status = id.failed ? tm_fail_memory(error, "a list of cases") : add_part(list, id.data, error);
            tm_text_free(&id);
        }
    }
    return status;
}

static tm_status finish(const id_meaning *meaning, const char *suite, tm_case *into, tm_error *error)
{
    tm_text id = {0};
    print_id(meaning, &id);
    into->suite = strdup(suite ? suite : "");
    if (id.failed || !into->suite) {
        tm_text_free(&id);
        return tm_fail_memory(error, "a case");
    }
    into->id = id.data;
    into->group = meaning->owner.name;
    into->layer = meaning->layer != NULL;
    into->dtype = meaning->dtype;
    into->cold = meaning->cold;
    return TM_OK;
}

/* Whether it is the written axis or number of heads that does not fit the shapes, rather than the shapes each other. */
static bool attribute_misses(const id_parts *parts, const id_meaning *meaning)
{
    if (parts->count < 3 || !strchr(parts->part[2], '=')) return false;
    if (meaning->layer) return meaning->written.shape[0].rank == 3 && strstr(parts->part[2], "heads=");
    if (!tm_op_has(meaning->op, TM_ATTRIBUTE_axis)) return false;
    const int32_t rank = meaning->written.shape[0].rank > 0 ? meaning->written.shape[0].rank : 1;
    return meaning->attributes.axis < -rank || meaning->attributes.axis >= rank;
}

/* What the first part names. Both an op and a layer: one shape stands for the layer. */
static tm_status find_owner(const char *name, id_meaning *meaning, tm_error *error)
{
    const bool op = tm_op_parse(name, &meaning->op);
    const tm_layer *const layer = tm_layer_named(name);
    if (!op && !layer) return tm_fail(error, TM_INVALID_ARGUMENT, "there is no op or layer '%.64s'", name);
    if (layer && (!op || meaning->written.count == 1)) {
        meaning->layer = layer;
        meaning->owner = tm_layer_owner(layer);
        meaning->attributes = tm_layer_defaults(layer);
    } else {
        meaning->owner = tm_op_owner(meaning->op);
        meaning->attributes = tm_op_defaults(meaning->op);
    }
    return TM_OK;
}

static tm_status read_shapes(id_parts *parts, id_meaning *meaning, tm_id_shapes *operands, size_t *within,
                             tm_error *error)
{
    tm_status status = find_owner(parts->part[0], meaning, error);
    if (status != TM_OK) return status;
    if (parts->count < 2) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: shapes are missing, as in %s/64x128", parts->part[0],
                       parts->part[0]);
    }
    parts->next = 1;
    status = parse_shapes(parts->part[1], &meaning->written, within, error);
    if (status == TM_OK) status = find_owner(parts->part[0], meaning, error);
    if (status != TM_OK) return status;
    if (!meaning->layer) {
        const tm_id_rule *const rule = tm_op_id_rule(meaning->op);
        return rule->read(meaning->op, &meaning->written, operands, &meaning->attributes, error);
    }
    if (meaning->written.count == 1) return TM_OK;
    return tm_fail(error, TM_INVALID_ARGUMENT, "%s: an id names one shape, not %d", parts->part[0],
                   (int)meaning->written.count);
}

static tm_status understand(id_parts *parts, id_meaning *meaning, tm_case *into, bool *named, size_t *within,
                            tm_error *error)
{
    tm_id_shapes operands = {0};
    tm_status status = read_shapes(parts, meaning, &operands, within, error);
    if (status != TM_OK) return status;
    parts->next = 2;
    status = parse_tail(parts, meaning, named, error);
    if (status != TM_OK) return status;
    parts->next = attribute_misses(parts, meaning) ? 2 : 1;
    if (!meaning->layer) return build_graph(meaning, &operands, &into->graph, error);
    tm_shape x = meaning->written.shape[0];
    x.dtype = meaning->dtype;
    return tm_layer_build(meaning->layer, &x, &meaning->attributes, &into->graph, error);
}

tm_status tm_case_parse_at(const char *id, const char *suite, tm_dtype dtype, tm_case *into, bool *named,
                           size_t *offset, tm_error *error)
{
    id_parts parts = {0};
    id_meaning meaning = {.dtype = dtype};
    size_t within = 0;
    bool has_dtype = false;
    *into = (tm_case){0};
    *offset = 0;
    tm_status status = cut(id, &parts, error);
    if (status != TM_OK) goto done;
    status = understand(&parts, &meaning, into, &has_dtype, &within, error);
    if (status == TM_OK) status = finish(&meaning, suite, into, error);
    const int32_t last = parts.next < parts.count ? parts.next : parts.count - 1;
    *offset = (size_t)(parts.part[last] - parts.text) + within;
    if (named) *named = has_dtype;
done:
    free(parts.text);
    if (status != TM_OK) tm_case_free(into);
    return status;
}

tm_status tm_case_parse(const char *id, const char *suite, tm_case *into, tm_error *error)
{
    size_t offset = 0;
    tm_error why = {""};
    const tm_status status = tm_case_parse_at(id, suite, TM_F32, into, NULL, &offset, &why);
    if (status == TM_OK) return TM_OK;
    return tm_fail(error, status, "case '%.200s', column %zu: %s", id, offset + 1, why.message);
}

void tm_case_free(tm_case *one)
{
    free(one->id);
    free(one->suite);
    tm_graph_free(one->graph);
    *one = (tm_case){0};
}

tm_status tm_case_list_take(tm_case_list *list, tm_case *one, tm_error *error)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity > 0 ? 2 * list->capacity : 64;
        tm_case *const items = realloc(list->items, capacity * sizeof *items);
        if (!items) {
            tm_case_free(one);
            return tm_fail_memory(error, "a list of cases");
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = *one;
    *one = (tm_case){0};
    return TM_OK;
}

void tm_case_list_cut(tm_case_list *list, size_t count)
{
    while (list->count > count) tm_case_free(&list->items[--list->count]);
}

void tm_case_list_free(tm_case_list *list)
{
    tm_case_list_cut(list, 0);
    free(list->items);
    *list = (tm_case_list){0};
}
