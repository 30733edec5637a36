/* The parent's end of one worker process. Every call sends a request, waits for the answer until a deadline, and turns
 * whatever happens (answer, death, silence, nonsense) into an outcome. Nothing here ever blocks for longer than its
 * deadline plus 2 s for TERM and 10 s for KILL. */
#ifndef TM_RUN_WORKER_LINK_H
#define TM_RUN_WORKER_LINK_H

#include "base/cell_status.h"
#include "base/hash.h"
#include "graph/graph.h"
#include "measure/sampling.h"
#include "run/backend_spec.h"

typedef struct tm_worker tm_worker;

/* What became of a request. `status` is OK when all went well. With `lost`, the worker is gone (killed and reaped):
 * only tm_worker_free may follow. */
typedef struct tm_outcome {
    tm_cell_status status;
    bool lost;
    char reason[640]; /* cause (signal, exit code, time-out, the framework's words) and the last line of stderr */
} tm_outcome;

/* Memory shared with all workers: `inputs` is written by the parent and read-only for workers, `outputs` is written by
 * workers. Both grow as needed and cannot be shrunk by a worker (sealed). */
typedef struct tm_shared tm_shared;
tm_status tm_shared_new(tm_shared **into, tm_error *error);
void tm_shared_free(tm_shared *shared);
/* The parent's view of at least `bytes`; valid until the next call for the same region. NULL: out of memory. */
void *tm_shared_inputs(tm_shared *shared, size_t bytes);
void *tm_shared_outputs(tm_shared *shared, size_t bytes);
/* Gives the pages back to the system. */
void tm_shared_release(tm_shared *shared);

typedef struct tm_worker_setup {
    const tm_backend_spec *spec;
    int32_t threads;
    int32_t incarnation; /* environment padding and buffer offsets follow from it */
    uint64_t seed;
    tm_shared *shared;
    double open_timeout_s;
} tm_worker_setup;

/* Starts a fresh exec of this program in a process group of its own (highest OOM score, killed with its parent),
 * loads and opens the backend. */
tm_outcome tm_worker_start(const tm_worker_setup *setup, tm_worker **into, tm_device_info *info);

/* Orderly end, then TERM, then KILL; always reaps. NULL allowed. */
void tm_worker_free(tm_worker *worker);

/* SIGSTOP / SIGCONT; `pause` returns once the process is really stopped. */
void tm_worker_pause(tm_worker *worker);
void tm_worker_wake(tm_worker *worker);

int32_t tm_worker_pid(const tm_worker *worker);
const char *tm_worker_stderr(tm_worker *worker); /* the last 64 KiB, visible characters only; owned by the worker */

/* What holds the backend's library back, "landlock, seccomp"; "" where nothing does. Owned by the worker. */
const char *tm_worker_sandbox(const tm_worker *worker);

/* Compiles `graph` with `slots` input sets; a former program is discarded. UNSUPPORTED with the reason if it cannot. */
tm_outcome tm_worker_compile(tm_worker *worker, const tm_graph *graph, int32_t slots, tm_declared *declared);

/* Copies `bytes` at `offset` of the shared inputs into input `input` of `slot`, in chunks. */
tm_outcome tm_worker_bind(tm_worker *worker, int32_t slot, int32_t input, size_t offset, size_t bytes);
tm_outcome tm_worker_unbind(tm_worker *worker);

/* One execution on `slot` after poisoning outputs; its time. `timeout_s` as the caller's rule says. */
tm_outcome tm_worker_call(tm_worker *worker, int32_t slot, double timeout_s, double *call_ns);

/* Copies output 0 of the last execution to the start of the shared outputs. */
tm_outcome tm_worker_read(tm_worker *worker, size_t bytes);

/* Hash of output 0 of the last execution; of a bound input (to see that it is unchanged; `*known` false where the
 * backend cannot give it back). */
tm_outcome tm_worker_hash_output(tm_worker *worker, size_t bytes, tm_hash128 *hash);
tm_outcome tm_worker_hash_input(tm_worker *worker, int32_t slot, int32_t input, size_t bytes, tm_hash128 *hash,
                                bool *known);

/* Warm-up, batch size and linearity: done once per incarnation and case. */
typedef struct tm_calibration {
    tm_timer timer;
    double call_ns; /* estimate after warm-up */
    int64_t batch;
    double ratio[9]; /* time(2n)/time(n) of interleaved pairs */
    int32_t ratios;  /* 0: skipped, calls above 10 ms */
    /* The rest is 0 where it was skipped. */
    double least_ratio;  /* the shortest 2n over the shortest n: what is left when the machine's speed jumps */
    double four_ratio;   /* four executions in one batch over one */
    double singly_ratio; /* a batch asked for one execution at a time over the same asked for at once */
} tm_calibration;
typedef struct tm_calibration_setup {
    double first_call_ns;
    bool gpu;
    bool linearity; /* look whether time grows with the work */
    bool hold_slot; /* as its visits will */
} tm_calibration_setup;
tm_outcome tm_worker_calibrate(tm_worker *worker, const tm_calibration_setup *setup, double timeout_s,
                               tm_calibration *into);

/* Executions on slot 0 after its inputs were written anew, alternately with the bytes that the last execution had and
 * with those of the other set. `set_offset` is where the first of two sets lies in the shared inputs, the other
 * `set_bytes` behind it. Slot 0 is left bound to the second set, whose output `hash` is. */
typedef struct tm_rewriting {
    double same_ns[9], new_ns[9]; /* the shortest execution of several; `pairs` of each, at least 1 */
    int32_t pairs;
    tm_hash128 hash;
} tm_rewriting;
tm_outcome tm_worker_rewrite(tm_worker *worker, size_t set_offset, size_t set_bytes, double call_ns, double timeout_s,
                             tm_rewriting *into);

/* One visit: samples of `batch` executions each by `rule`, at most `capacity` kept. */
typedef struct tm_visit_result {
    double *sample_ns; /* per execution; allocated by the caller, `capacity` long */
    int32_t capacity;
    int32_t samples;
    int32_t last_slot;       /* slot of the last execution: which expected output the result belongs to */
    tm_hash128 hash;         /* of output 0 after the visit */
    double start_ns, end_ns; /* monotonic clock */
    double first_ns;         /* the discarded first sample, per execution; NaN if there was none */
    const char *disturbed;   /* NULL, or why the visit should be repeated (static) */
    bool slope;              /* set by the caller: samples are (t(2n) - t(n)) / n, of a batch and one twice as long */
    bool hold_slot;          /* set by the caller: input slots do not rotate, but for the last batch */
    bool late;               /* the output changed after the last batch was said to be finished */
} tm_visit_result;
tm_outcome tm_worker_visit(tm_worker *worker, int64_t batch, const tm_visit_rule *rule, size_t output_bytes,
                           double timeout_s, tm_visit_result *into);

/* Peaks since tm_worker_reset_peak, or since the start where that is not allowed (then it returns false). Of the host
 * it is the backend's own word, else the system's: docs/record.md says what counts. */
bool tm_worker_reset_peak(tm_worker *worker);
tm_outcome tm_worker_memory(tm_worker *worker, uint64_t *host_bytes, uint64_t *device_bytes);

/* Entry point of the worker process: `tensormark worker ...`, not shown in help. */
int tm_worker_main(int argc, char **argv);

#endif
