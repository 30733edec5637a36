/* The tables as runs, opened once into blocks of 256 characters; blocks of one value are shared.
 *
 * Every block needs at least one run that no block before it had: a run that begins inside it, or the first one of its
 * value. So there are at most as many blocks as runs. */
#include "model/tokenizer/unicode.h"

#include <pthread.h>
#include <stdbool.h>

typedef struct class_run {
    uint32_t first;
    uint16_t bits;
} class_run;

typedef struct lower_run {
    uint32_t first, last;
    uint8_t step;
    int32_t by;
} lower_run;

static const class_run class_runs[] = {
#include "model/tokenizer/unicode_classes.inc"
};

static const lower_run lower_runs[] = {
#include "model/tokenizer/unicode_lower.inc"
};

enum { CLASS_RUNS = sizeof class_runs / sizeof *class_runs, LOWER_RUNS = sizeof lower_runs / sizeof *lower_runs };

static uint16_t blocks[CLASS_RUNS][TM_CHAR_BLOCK];
static tm_char_table table;
static pthread_once_t opened = PTHREAD_ONCE_INIT;

/* The block of 256 times `bits` among the first `count`, or NULL. */
static const uint16_t *find_even(uint16_t bits, size_t count, const uint8_t *even)
{
    for (size_t i = 0; i < count; i++) {
        if (even[i] && blocks[i][0] == bits) return blocks[i];
    }
    return NULL;
}

static void open_table(void)
{
    uint8_t even[CLASS_RUNS] = {0};
    size_t used = 0, run = 0;
    for (uint32_t start = 0; start < TM_CHAR_END; start += TM_CHAR_BLOCK) {
        const uint32_t end = start + TM_CHAR_BLOCK;
        while (run + 1 < CLASS_RUNS && class_runs[run + 1].first <= start) run++;
        const bool whole = run + 1 == CLASS_RUNS || class_runs[run + 1].first >= end;
        const uint16_t *block = whole ? find_even(class_runs[run].bits, used, even) : NULL;
        if (!block) {
            for (uint32_t c = start; c < end; c++) {
                while (run + 1 < CLASS_RUNS && class_runs[run + 1].first <= c) run++;
                blocks[used][c - start] = class_runs[run].bits;
            }
            even[used] = whole;
            block = blocks[used++];
        }
        table.first[start >> TM_CHAR_BLOCK_BITS] = block;
    }
}

const tm_char_table *tm_char_classes(void)
{
    pthread_once(&opened, open_table);
    return &table;
}

size_t tm_char_lower(uint32_t c, uint32_t into[2])
{
    into[0] = c;
    if (c == 0x130) { /* the one capital whose small form is two characters */
        into[0] = 'i';
        into[1] = 0x307;
        return 2;
    }
    size_t low = 0, high = LOWER_RUNS;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (lower_runs[middle].last < c)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == LOWER_RUNS || c < lower_runs[low].first) return 1;
    if ((c - lower_runs[low].first) % lower_runs[low].step == 0) into[0] = (uint32_t)((int32_t)c + lower_runs[low].by);
    return 1;
}
