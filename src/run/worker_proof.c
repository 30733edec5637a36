/* Results that are not computed when asked for (kept from before, left for later, left to a thread, left out) cost time
 * that does not grow with the work, or show an output that was not there at the stop. Every way to see it is a pair of
 * measurements in the same process, in turns, so that both sides meet the same machine. */
#include "run/worker_proof.h"
#include "base/clock.h"
#include "base/dtype.h"
#include "run/shared.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Longer calls are timed one at a time: of those, none is left for another, or it would not take long. */
static const double long_call_ns = 50e6;

/* A program that owns its outputs overwrites them. A framework that allocates outputs itself is made to find NaN in
 * them: a block of the same size is filled and freed. Twice, since freeing a mapped block is what makes the C library
 * keep blocks of that size from then on. */
void tm_proof_poison(const tm_timed *timed)
{
    enum { largest_kept = 32 << 20 }; /* the C library maps larger blocks afresh, zeroed, every time */
    if (timed->backend->poison) {
        timed->backend->poison(timed->program);
        return;
    }
    const size_t bytes = timed->output_bytes;
    for (int round = 0; round < 2 && bytes > 0 && bytes <= largest_kept; round++) {
        unsigned char *block = malloc(bytes);
        if (!block) return;
        memset(block, 0xff, bytes);
        __asm__ volatile("" : : "r"(block) : "memory"); /* the filling is for whoever gets the block next */
        free(block);
    }
}

void tm_proof_prepare(tm_timed *timed, int64_t batch)
{
    tm_proof_poison(timed);
    if (timed->holds_slot || batch % timed->slots == 0) timed->next_slot = (timed->next_slot + 1) % timed->slots;
}

/* First, middle and last bytes of the output, a kilobyte each. */
static tm_status peek(const tm_timed *timed, tm_hash128 *hash, tm_error *error)
{
    enum { PIECE = 1024 };
    unsigned char pieces[3 * PIECE];
    const size_t whole = timed->output_bytes, piece = whole < PIECE ? whole : PIECE;
    const size_t at[] = {0, (whole - piece) / 2 / 8 * 8, whole - piece};
    tm_status status = TM_OK;
    *hash = (tm_hash128){0, 0};
    for (size_t i = 0; i < 3 && piece > 0 && status == TM_OK; i++) {
        status = timed->backend->read(timed->program, 0, at[i], piece, pieces + i * piece, error);
    }
    if (status == TM_OK) *hash = tm_hash128_bytes(pieces, 3 * piece);
    return status;
}

tm_status tm_proof_look(tm_timed *timed, tm_error *error)
{
    return peek(timed, &timed->peek, error);
}

tm_status tm_proof_look_again(const tm_timed *timed, bool *changed, tm_error *error)
{
    tm_hash128 now;
    tm_status status = timed->backend->sync(timed->session, error); /* which drops what reading has kept */
    if (status == TM_OK) status = peek(timed, &now, error);
    *changed = status == TM_OK && !tm_hash128_equal(now, timed->peek);
    return status;
}

/* Where executions keep to one slot, each batch begins on another than the one before: a result kept for a slot is then
 * made once a batch, however many executions it has. */
static tm_status time_of(tm_timed *timed, int64_t count, int64_t piece, double *ns, tm_error *error)
{
    uint64_t start, stop;
    if (timed->holds_slot) timed->next_slot = (timed->next_slot + 1) % timed->slots;
    const tm_status status = tm_timed_pieces(timed, count, piece, &start, &stop, error);
    *ns = fmax((double)(stop - start), 1.0);
    return status;
}

/* The shortest of `rounds` times of `count` executions, `piece` at a time, over the shortest of `other_count` asked for
 * at once, in turns. */
static tm_status shortest_ratio(tm_timed *timed, int32_t rounds, int64_t count, int64_t piece, int64_t other_count,
                                double *ratio, tm_error *error)
{
    double least = INFINITY, other_least = INFINITY, ns;
    tm_status status = TM_OK;
    for (int32_t i = 0; i < rounds && status == TM_OK; i++) {
        status = time_of(timed, count, piece, &ns, error);
        least = fmin(least, ns);
        if (status == TM_OK) status = time_of(timed, other_count, other_count, &ns, error);
        other_least = fmin(other_least, ns);
    }
    *ratio = least / other_least;
    return status;
}

tm_status tm_proof_growth(tm_timed *timed, const tm_request *request, tm_calibration *into, tm_error *error)
{
    const double call_ns = into->call_ns;
    tm_status status = TM_OK;
    if (call_ns > 20e3 && call_ns <= long_call_ns) {
        timed->holds_slot = request->hold_slot;
        status = shortest_ratio(timed, call_ns < 1e6 ? 3 : 1, 4, 4, 1, &into->four_ratio, error);
        timed->holds_slot = false;
    }
    if (status == TM_OK && into->batch > 1 && call_ns > (request->gpu ? 20e3 : 0.5e3)) {
        status = shortest_ratio(timed, 3, into->batch, 1, into->batch, &into->singly_ratio, error);
    }
    return status;
}

typedef struct rewriter {
    tm_timed *timed;
    const tm_graph *graph;
    const char *sets;
    size_t set_bytes;
    bool both; /* write the other set first: then the caches hold the same whichever set is executed */
} rewriter;

static tm_status bind_set(const rewriter *writer, int32_t set, tm_error *error)
{
    const char *from = writer->sets + (size_t)set * writer->set_bytes;
    tm_status status = TM_OK;
    for (int32_t i = 0; i < writer->graph->inputs && status == TM_OK; i++) {
        const size_t bytes = tm_shape_bytes(&writer->graph->shape[i]);
        for (size_t done = 0; done < bytes && status == TM_OK; done += TM_SHARED_PIECE) {
            const size_t piece = bytes - done < TM_SHARED_PIECE ? bytes - done : TM_SHARED_PIECE;
            status = writer->timed->backend->bind(writer->timed->program, 0, i, done, from + done, piece, error);
        }
        from += tm_shared_page_up(bytes);
    }
    return status;
}

/* One execution on slot 0 after `set` was written into it; *ns becomes its time if that is shorter. */
static tm_status execute_set(const rewriter *writer, int32_t set, double *ns, tm_error *error)
{
    double now = 0.0;
    tm_status status = writer->both ? bind_set(writer, 1 - set, error) : TM_OK;
    if (status == TM_OK) status = bind_set(writer, set, error);
    if (status != TM_OK) return status;
    tm_proof_poison(writer->timed);
    writer->timed->next_slot = 0;
    status = time_of(writer->timed, 1, 1, &now, error);
    *ns = fmin(*ns, now);
    return status;
}

/* Executions per side of a pair, of which the shortest counts: 100 us of them and at least three, fewer where writing
 * the inputs takes long. */
static int32_t repeats_for(double call_ns, double bind_ns)
{
    const double wanted = fmin(fmax(3.0, 100e3 / fmax(call_ns, 1.0)), 5e6 / fmax(bind_ns + call_ns, 1.0));
    return wanted < 1 ? 1 : wanted < 31 ? (int32_t)wanted : 31;
}

/* Pairs that are enough when they give no hint of a gain. Odd numbers: then the last execution is on new bytes. */
static int32_t least_pairs(double pair_ns)
{
    return pair_ns < 10e6 ? 5 : pair_ns < 60e6 ? 3 : 1;
}

tm_status tm_proof_rewrite(tm_timed *timed, const tm_graph *graph, const char *sets, const tm_request *request,
                           tm_rewriting *into, tm_error *error)
{
    const rewriter writer = {timed, graph, sets, (size_t)request->bytes, request->bytes < (size_t)8 << 20};
    double first_ns = INFINITY, whole_ns = request->call_ns, bind_ns = 0.0;
    int32_t set = 0, gains = 0;
    tm_status status = TM_OK;
    if (request->call_ns <= long_call_ns) {
        const uint64_t begin = tm_now_ns();
        status = execute_set(&writer, set, &first_ns, error);
        whole_ns = (double)(tm_now_ns() - begin);
        bind_ns = whole_ns - first_ns;
    }
    const int32_t repeats = repeats_for(request->call_ns, bind_ns);
    const int32_t least = least_pairs(2 * repeats * whole_ns), most = sizeof into->new_ns / sizeof *into->new_ns;
    *into = (tm_rewriting){0};
    while (status == TM_OK && into->pairs < most) {
        double same = INFINITY, fresh = INFINITY;
        for (int32_t i = 0; i < repeats && status == TM_OK; i++) {
            status = execute_set(&writer, set, &same, error);
            set = 1 - set;
            if (status == TM_OK) status = execute_set(&writer, set, &fresh, error);
        }
        into->same_ns[into->pairs] = same;
        into->new_ns[into->pairs++] = fresh;
        if (fresh > 1.05 * same) gains++;
        if (into->pairs >= least && gains <= into->pairs / 3) break;
    }
    if (status == TM_OK && set == 0) status = execute_set(&writer, 1, &first_ns, error);
    return status;
}
