/* A safetensors file: the header's length in 8 bytes, the header (a JSON object of tensors, with blanks behind it),
 * then the tensors' data without a gap. The header is streamed; memory follows the number of tensors, not what it
 * claims. */
#include "model/checkpoint/safetensors.h"

#include "model/checkpoint/shown.h"
#include "tensormark/backend.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8 };

/* What one tensor's object says, before it is known to be right. */
typedef struct claim {
    bool has_type, has_shape, has_offsets;
    tm_stored type;
    int rank;
    int64_t dim[TM_MAX_RANK];
    int64_t begin, end;
    uint64_t at, type_at, shape_at, offsets_at;
} claim;

typedef struct reader {
    tm_scan scan;
    tm_safetensors *into;
    uint64_t data_bytes;
    tm_text name, word; /* the tensor's name; any other string */
    char shown[TM_SHOWN];
} reader;

/* The tensor's name for a message. */
static const char *name_of(reader *r)
{
    return tm_shown(r->name.data, r->name.length, r->shown);
}

static bool read_type(reader *r, claim *one)
{
    tm_scan_peek(&r->scan);
    one->type_at = tm_scan_offset(&r->scan);
    one->has_type = true;
    if (!tm_scan_string(&r->scan, "a dtype", &r->word)) return false;
    if (tm_stored_parse(r->word.data, r->word.length, &one->type)) return true;
    char word[TM_SHOWN];
    return tm_scan_fail(&r->scan, one->type_at, "tensor \"%s\": unknown dtype \"%s\"", name_of(r),
                        tm_shown(r->word.data, r->word.length, word));
}

static bool read_shape(reader *r, claim *one)
{
    tm_scan_peek(&r->scan);
    one->shape_at = tm_scan_offset(&r->scan);
    one->has_shape = true;
    if (!tm_scan_array(&r->scan, "a shape")) return false;
    while (tm_scan_element(&r->scan)) {
        if (one->rank == TM_MAX_RANK) {
            return tm_scan_fail(&r->scan, tm_scan_offset(&r->scan), "tensor \"%s\": more than %d dimensions",
                                name_of(r), TM_MAX_RANK);
        }
        if (!tm_scan_size(&r->scan, "a dimension", &one->dim[one->rank++])) return false;
    }
    return r->scan.status == TM_OK;
}

static bool read_offsets(reader *r, claim *one)
{
    int64_t offsets[2] = {0};
    int count = 0;
    tm_scan_peek(&r->scan);
    one->offsets_at = tm_scan_offset(&r->scan);
    one->has_offsets = true;
    if (!tm_scan_array(&r->scan, "data_offsets")) return false;
    while (count < 3 && tm_scan_element(&r->scan)) {
        if (count < 2 && !tm_scan_size(&r->scan, "an offset", &offsets[count])) return false;
        count++;
    }
    if (r->scan.status != TM_OK) return false;
    if (count != 2) {
        return tm_scan_fail(&r->scan, one->offsets_at, "tensor \"%s\": data_offsets are not two", name_of(r));
    }
    one->begin = offsets[0];
    one->end = offsets[1];
    return true;
}

/* Bytes that dtype and shape come to. Sizes other than 0 must have a product even beside a 0. */
static bool count_bytes(reader *r, const claim *one, int64_t *bytes)
{
    int64_t bits = tm_stored_bits(one->type);
    bool empty = false;
    for (int i = 0; i < one->rank; i++) {
        empty = empty || one->dim[i] == 0;
        if (one->dim[i] != 0 && __builtin_mul_overflow(bits, one->dim[i], &bits)) {
            return tm_scan_fail(&r->scan, one->shape_at, "tensor \"%s\": the product of the shape overflows",
                                name_of(r));
        }
    }
    if (empty) bits = 0;
    if (bits % 8 != 0) {
        return tm_scan_fail(&r->scan, one->shape_at, "tensor \"%s\": its bits do not fill whole bytes", name_of(r));
    }
    *bytes = bits / 8;
    return true;
}

static bool check_offsets(reader *r, const claim *one, int64_t bytes)
{
    tm_scan *const scan = &r->scan;
    const int64_t alignment = tm_stored_bits(one->type) / 8;
    if (one->begin > one->end) {
        return tm_scan_fail(scan, one->offsets_at, "tensor \"%s\": data_offsets descend, from %" PRId64 " to %" PRId64,
                            name_of(r), one->begin, one->end);
    }
    if ((uint64_t)one->end > r->data_bytes) {
        return tm_scan_fail(scan, one->offsets_at,
                            "tensor \"%s\": data_offsets end at %" PRId64 ", the file has %" PRIu64 " bytes of data",
                            name_of(r), one->end, r->data_bytes);
    }
    if (one->end - one->begin != bytes) {
        return tm_scan_fail(scan, one->offsets_at,
                            "tensor \"%s\": data_offsets span %" PRId64 " bytes, dtype and shape take %" PRId64,
                            name_of(r), one->end - one->begin, bytes);
    }
    if (alignment > 1 && one->begin % alignment != 0) {
        return tm_scan_fail(scan, one->offsets_at,
                            "tensor \"%s\": misaligned, %s begins at byte %" PRId64 " of the data", name_of(r),
                            tm_stored_name(one->type), one->begin);
    }
    return true;
}

/* Room for one more item and then some. */
static void *grow(void *items, size_t count, size_t *capacity, size_t more, size_t size)
{
    if (items && count + more <= *capacity) return items;
    const size_t wanted = count + more + count / 2 + 16;
    void *const larger = realloc(items, wanted * size);
    if (larger) *capacity = wanted;
    return larger;
}

static bool keep(reader *r, const claim *one, int64_t bytes)
{
    tm_safetensors *const into = r->into;
    tm_safetensors_entry *const entries = grow(into->entries, into->count, &into->capacity, 1, sizeof *into->entries);
    if (entries) into->entries = entries;
    int64_t *const dims = grow(into->dims, into->dim_count, &into->dim_capacity, TM_MAX_RANK, sizeof *into->dims);
    if (dims) into->dims = dims;
    const size_t name = into->names.length;
    tm_text_add_bytes(&into->names, r->name.data, r->name.length + 1);
    if (!entries || !dims || into->names.failed) {
        return tm_scan_stop(&r->scan, TM_OUT_OF_MEMORY, 0);
    }
    entries[into->count++] = (tm_safetensors_entry){.begin = (uint64_t)one->begin,
                                                    .bytes = (uint64_t)bytes,
                                                    .name = (uint32_t)name,
                                                    .name_length = (uint32_t)r->name.length,
                                                    .dims = (uint32_t)into->dim_count,
                                                    .where = (uint32_t)one->offsets_at,
                                                    .rank = (uint8_t)one->rank,
                                                    .type = (uint8_t)one->type};
    for (int i = 0; i < one->rank; i++) dims[into->dim_count++] = one->dim[i];
    return true;
}

/* Texts may hold zero bytes. */
static bool is(const tm_text *text, const char *word)
{
    return text->length == strlen(word) && memcmp(text->data, word, text->length) == 0;
}

static bool read_field(reader *r, claim *one)
{
    if (is(&r->word, "dtype")) return read_type(r, one);
    if (is(&r->word, "shape")) return read_shape(r, one);
    if (is(&r->word, "data_offsets")) return read_offsets(r, one);
    return tm_scan_skip(&r->scan);
}

static bool read_tensor(reader *r)
{
    claim one = {0};
    int64_t bytes = 0;
    tm_scan_peek(&r->scan);
    one.at = tm_scan_offset(&r->scan);
    if (!tm_scan_object(&r->scan, "a tensor's '{'")) return false;
    while (tm_scan_member(&r->scan, &r->word)) {
        if (!read_field(r, &one)) return false;
    }
    if (r->scan.status != TM_OK) return false;
    if (!one.has_type || !one.has_shape || !one.has_offsets) {
        return tm_scan_fail(&r->scan, one.at, "tensor \"%s\" has no %s", name_of(r),
                            !one.has_type    ? "dtype"
                            : !one.has_shape ? "shape"
                                             : "data_offsets");
    }
    return count_bytes(r, &one, &bytes) && check_offsets(r, &one, bytes) && keep(r, &one, bytes);
}

/* A map of texts; nobody here needs them. */
static bool read_metadata(reader *r)
{
    if (!tm_scan_object(&r->scan, "the '{' of __metadata__")) return false;
    while (tm_scan_member(&r->scan, &r->word)) {
        if (!tm_scan_string(&r->scan, "a string, as __metadata__ holds,", NULL)) return false;
    }
    return r->scan.status == TM_OK;
}

static bool read_header(reader *r)
{
    if (tm_scan_peek(&r->scan) != '{' || tm_scan_offset(&r->scan) != LENGTH_BYTES) {
        return tm_scan_fail(&r->scan, LENGTH_BYTES, "the header does not begin with '{'");
    }
    tm_scan_object(&r->scan, "the header's '{'");
    while (tm_scan_member(&r->scan, &r->name)) {
        if (!(is(&r->name, "__metadata__") ? read_metadata(r) : read_tensor(r))) return false;
    }
    return r->scan.status == TM_OK && tm_scan_end(&r->scan);
}

static void check_neighbour(reader *r, const tm_safetensors_entry *entry, uint64_t at)
{
    if (entry->begin == at) return;
    tm_shown(r->into->names.data + entry->name, entry->name_length, r->shown);
    if (entry->begin > at)
        tm_scan_fail(&r->scan, entry->where, "tensor \"%s\": a hole of %" PRIu64 " bytes before its data", r->shown,
                     entry->begin - at);
    else
        tm_scan_fail(&r->scan, entry->where, "tensor \"%s\": its data overlap what is before them by %" PRIu64 " bytes",
                     r->shown, at - entry->begin);
}

/* Tensors in the order of their data follow each other without gap or overlap, from the first byte to the last. */
static bool check_layout(reader *r)
{
    const tm_safetensors *const into = r->into;
    tm_sort_item *const order = malloc((into->count + 1) * sizeof *order);
    if (!order) {
        return tm_scan_stop(&r->scan, TM_OUT_OF_MEMORY, 0);
    }
    for (size_t i = 0; i < into->count; i++) {
        const tm_safetensors_entry *const entry = &into->entries[i];
        order[i] = (tm_sort_item){entry->begin, entry->bytes > 0, (uint32_t)i};
    }
    tm_sort(order, into->count);
    uint64_t at = 0;
    for (size_t i = 0; i < into->count && r->scan.status == TM_OK; i++) {
        const tm_safetensors_entry *const entry = &into->entries[order[i].number];
        check_neighbour(r, entry, at);
        at = entry->begin + entry->bytes;
    }
    free(order);
    if (r->scan.status == TM_OK && at < r->data_bytes) {
        tm_scan_fail(&r->scan, into->data + at, "%" PRIu64 " trailing bytes belong to no tensor", r->data_bytes - at);
    }
    return r->scan.status == TM_OK;
}

static bool read_length(reader *r, uint64_t size)
{
    uint64_t length = 0;
    tm_error error = {""};
    if (size < LENGTH_BYTES) {
        return tm_scan_fail(&r->scan, 0, "%" PRIu64 " bytes are too few for a header's length", size);
    }
    const tm_status status = r->scan.read(r->scan.context, 0, &length, LENGTH_BYTES, &error);
    if (status != TM_OK) {
        snprintf(r->scan.reason, sizeof r->scan.reason, "%.300s", error.message);
        return tm_scan_stop(&r->scan, status, 0);
    }
    if (length == 0) return tm_scan_fail(&r->scan, 0, "the header's length is 0");
    if (length > size - LENGTH_BYTES) {
        return tm_scan_fail(&r->scan, 0, "a header of %" PRIu64 " bytes in a file of %" PRIu64, length, size);
    }
    if (length > TM_SAFETENSORS_MOST_HEADER) {
        return tm_scan_fail(&r->scan, 0, "a header of %" PRIu64 " bytes, more than the %" PRIu64 " allowed", length,
                            TM_SAFETENSORS_MOST_HEADER);
    }
    r->scan.end = r->into->data = LENGTH_BYTES + length;
    r->data_bytes = size - r->into->data;
    return true;
}

tm_status tm_safetensors_read(tm_scan_read read, void *context, uint64_t size, tm_safetensors *into, tm_error *error)
{
    *into = (tm_safetensors){0};
    reader *const r = calloc(1, sizeof *r);
    if (!r) return tm_fail_memory(error, "a safetensors header");
    r->into = into;
    tm_scan_start(&r->scan, read, context, LENGTH_BYTES, LENGTH_BYTES);
    if (read_length(r, size) && read_header(r)) check_layout(r);
    const tm_status status = tm_scan_status(&r->scan, "a safetensors header", error);
    if (status != TM_OK) tm_safetensors_free(into);
    tm_text_free(&r->name);
    tm_text_free(&r->word);
    tm_scan_free(&r->scan);
    free(r);
    return status;
}

void tm_safetensors_free(tm_safetensors *file)
{
    free(file->entries);
    free(file->dims);
    tm_text_free(&file->names);
    *file = (tm_safetensors){0};
}
