/* The inputs and expected outputs of one case in one pass, in memory shared with the workers. */
#ifndef TM_RUN_CASE_DATA_H
#define TM_RUN_CASE_DATA_H

#include "oracle/verify.h"
#include "run/worker_link.h"
#include "suite/case.h"

typedef struct tm_case_data {
    const tm_case *one;
    tm_shared *shared;
    const char *cache_folder; /* of oracle results; NULL for none */
    uint64_t seed;
    uint32_t pass;
    int32_t slots;
    int32_t threads;
    size_t set_bytes;     /* one slot's inputs, each at a page boundary */
    size_t *input_offset; /* of each graph input within a set */
    size_t output_bytes;
    tm_expected **expected; /* per slot, made when first asked for */
    tm_hash128 *input_hash; /* [slot][input] of the data as generated, made when first asked for */
    bool *input_hash_known;
} tm_case_data;

/* Slots that a case gets: 2 in rotation; a cold case as many as it takes to leave every cache (at most 1024). */
int32_t tm_case_slots(const tm_case *one, double llc_bytes);

/* Do the slots in turn push the case out of the last-level cache, so that one slot at a time is to be timed? They may
 * have half of the cache, which is often shared; a cold case is meant to leave it. */
bool tm_case_holds_slot(const tm_case *one, double llc_bytes);

/* Bytes of one set of inputs, and of output 0. */
size_t tm_case_set_bytes(const tm_graph *graph);
size_t tm_case_output_bytes(const tm_graph *graph);

/* Generates the inputs of every slot. What `setup` names is kept by reference; tm_case_data_free frees the rest. */
tm_status tm_case_data_make(const tm_case_data *setup, tm_case_data *into, tm_error *error);
void tm_case_data_free(tm_case_data *data);

/* Pointers to the inputs of a slot (slot == slots: the probe's set). `into` holds as many as the graph has inputs. */
void tm_case_data_inputs(const tm_case_data *data, int32_t slot, const void **into);

/* Offset of an input within the shared inputs. */
size_t tm_case_data_offset(const tm_case_data *data, int32_t slot, int32_t input);

/* What output 0 should be for a slot; owned by `data`. */
tm_status tm_case_data_expected(tm_case_data *data, int32_t slot, const tm_expected **into, tm_error *error);

#endif
