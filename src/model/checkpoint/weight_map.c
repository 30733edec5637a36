/* Streamed like a header: memory follows the number of entries of one object, whatever else the file holds. */
#include "model/checkpoint/weight_map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
    tm_scan scan;
    tm_weight_map_take take;
    void *context;
    tm_text word, tensor, file;
} reader;

static bool read_map(reader *r)
{
    if (!tm_scan_object(&r->scan, "the '{' of weight_map")) return false;
    while (tm_scan_member(&r->scan, &r->tensor)) {
        tm_scan_peek(&r->scan);
        const uint64_t offset = tm_scan_offset(&r->scan);
        if (!tm_scan_string(&r->scan, "a file's name", &r->file)) return false;
        if (r->file.length == 0 || memchr(r->file.data, 0, r->file.length)) {
            return tm_scan_fail(&r->scan, offset, "what is no file's name");
        }
        if (!r->take(r->context, &r->scan, offset, &r->tensor, &r->file)) return false;
    }
    return r->scan.status == TM_OK;
}

static bool read_all(reader *r)
{
    static const char wanted[] = "weight_map";
    bool found = false;
    if (!tm_scan_object(&r->scan, "the index's '{'")) return false;
    while (tm_scan_member(&r->scan, &r->word)) {
        const bool is_map = r->word.length == sizeof wanted - 1 && memcmp(r->word.data, wanted, r->word.length) == 0;
        found = found || is_map;
        if (!(is_map ? read_map(r) : tm_scan_skip(&r->scan))) return false;
    }
    if (r->scan.status != TM_OK || !tm_scan_end(&r->scan)) return false;
    return found || tm_scan_fail(&r->scan, 0, "there is no weight_map");
}

tm_status tm_weight_map_read(tm_scan_read read, void *source, uint64_t size, tm_weight_map_take take, void *context,
                             tm_error *error)
{
    reader *const r = calloc(1, sizeof *r);
    if (!r) return tm_fail_memory(error, "a checkpoint's index");
    tm_scan_start(&r->scan, read, source, 0, size);
    r->take = take;
    r->context = context;
    read_all(r);
    const tm_status status = tm_scan_status(&r->scan, "a checkpoint's index", error);
    tm_text_free(&r->word);
    tm_text_free(&r->tensor);
    tm_text_free(&r->file);
    tm_scan_free(&r->scan);
    free(r);
    return status;
}
