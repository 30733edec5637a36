/* Reads JSON text piece by piece, as a file gives it: strict syntax, strict UTF-8, less than TM_SCAN_DEPTH levels, and
 * no object with a key twice. Memory is one window, and 16 bytes for each key of the objects that are open.
 *
 * The first fault sticks: the window is empty from then on, every call returns false, and `reason` and `fault` say what
 * was wrong and where. */
#ifndef TM_MODEL_CHECKPOINT_SCAN_H
#define TM_MODEL_CHECKPOINT_SCAN_H

#include "base/error.h"
#include "base/text.h"
#include "model/checkpoint/sort.h"

enum { TM_SCAN_DEPTH = 64, TM_SCAN_WINDOW = 1 << 16 };

/* Copies `count` bytes from `offset` on; the scanner asks for nothing beyond the end it was given. What is not TM_OK
 * ends the scan with that status and message. */
typedef tm_status (*tm_scan_read)(void *context, uint64_t offset, void *into, size_t count, tm_error *error);

typedef struct tm_scan {
    tm_scan_read read;
    void *context;
    uint64_t window_at; /* the text's offset of window[0] */
    uint64_t end;       /* offset behind the last byte; below 2^32 */
    size_t at, filled;  /* within the window */
    int depth;
    uint64_t inside;              /* bit d: level d has a member or element already */
    size_t starts[TM_SCAN_DEPTH]; /* of each level's keys in `keys` */
    tm_sort_item *keys;           /* hash, more bits of hash, offset of the key */
    size_t key_count, key_capacity;
    tm_status status; /* TM_INVALID_ARGUMENT for a fault of the text */
    uint64_t fault;
    char reason[320];
    unsigned char window[TM_SCAN_WINDOW + 1]; /* a quotation mark stands behind what is filled */
} tm_scan;

/* Text from `begin` to `end`. tm_scan_free frees what the scan holds, not the scan. */
void tm_scan_start(tm_scan *scan, tm_scan_read read, void *context, uint64_t begin, uint64_t end);
void tm_scan_free(tm_scan *scan);

uint64_t tm_scan_offset(const tm_scan *scan);

/* Notes a fault, unless there is one already. Returns false. */
bool tm_scan_fail(tm_scan *scan, uint64_t offset, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same with another status; the reason is left as it is. */
bool tm_scan_stop(tm_scan *scan, tm_status status, uint64_t offset);

/* The next character that is no blank, not taken; -1 at the end and after a fault. */
int tm_scan_skip_blanks(tm_scan *scan);

static inline int tm_scan_peek(tm_scan *scan)
{
    return scan->at < scan->filled && scan->window[scan->at] > ' ' ? scan->window[scan->at] : tm_scan_skip_blanks(scan);
}

/* tm_scan_object takes a '{'; then each tm_scan_member takes one key with its colon, and the value must be taken before
 * the next; false at the '}', which is taken, or after a fault. Arrays alike, without keys. `what` is for messages. */
bool tm_scan_object(tm_scan *scan, const char *what);
bool tm_scan_member(tm_scan *scan, tm_text *key);
bool tm_scan_array(tm_scan *scan, const char *what);
bool tm_scan_element(tm_scan *scan);

bool tm_scan_string(tm_scan *scan, const char *what, tm_text *into); /* `into` may be NULL; emptied first */
bool tm_scan_size(tm_scan *scan, const char *what, int64_t *into);   /* an integer from 0 to 2^63 - 1 */
bool tm_scan_skip(tm_scan *scan);                                    /* any value */
bool tm_scan_end(tm_scan *scan);                                     /* nothing but blanks is left */

/* The scan's status; `error` gets "REJECTED(reason, offset N)" for a fault of the text, else the reason alone. `what`
 * is what memory was short for. */
tm_status tm_scan_status(const tm_scan *scan, const char *what, tm_error *error);

#endif
