/* One run while it goes on. Owned by tm_run_execute; the parent has one thread. */
#ifndef TM_RUN_RUN_STATE_H
#define TM_RUN_RUN_STATE_H

#include "measure/disturbance.h"
#include "measure/machine.h"
#include "measure/stats.h"
#include "run/cell_check.h"
#include "run/run.h"

enum { TM_MOST_THREAD_COUNTS = 16, TM_MOST_INCARNATIONS = 8, TM_MOST_LOSSES = 3 };

/* Where a run's wall time goes; told at the end, because what is not sampling is overhead. */
typedef enum tm_phase {
    TM_PHASE_LIMITS,
    TM_PHASE_INPUTS,
    TM_PHASE_BINDING,
    TM_PHASE_CHECKS, /* oracle, verification, probe */
    TM_PHASE_WARMUP, /* first calls, warm-up, batch size, linearity */
    TM_PHASE_SAMPLING,
    TM_PHASE_CANARY,
    TM_PHASE_STORE,
    TM_PHASE_COUNT
} tm_phase;

/* Everything measured of one cell so far. */
typedef struct tm_cell {
    tm_visit *visits; /* kept ones; their samples are owned */
    size_t visit_count, visit_capacity;
    tm_cell_status status; /* OK until something final happens */
    char reason[640];
    bool final;        /* nothing more is measured: failed, skipped, unsupported */
    int32_t losses;    /* workers lost on this cell */
    int32_t discarded; /* visits repeated because of disturbance */
    bool nonlinear;    /* twice the work did not take twice the time: samples are slopes. Decided before the first */
    bool settled;      /* the output was seen not to change after a batch, the inputs not to have changed at all */
    bool disturbed, capped;
    double sampling_ns; /* spent in visits, for CAPPED */
    double first_call_ns;
    tm_check check;
    bool probe_exists, probe_done, probe_passed;
    tm_declared declared;
    uint64_t peak_host, peak_device;
    bool peak_of_worker;          /* of some worker only the peak since its start could be had */
    double energy_j, measured_ns; /* of the processor packages during visits, and how long these were */
} tm_cell;

/* What was found out about a program before its first visit: kept as the cell's note, see run_note.c. */
typedef struct tm_findings {
    bool pending;         /* to be stored with the round that follows */
    double first_call_ns; /* NaN: no call succeeded */
    int32_t slots;
    bool gpu;
    tm_calibration calibration; /* the last one; batch 0: none */
    int32_t calibrations;       /* how often it was asked for */
    tm_rewriting rewriting;     /* the last one; no pairs: not looked at */
} tm_findings;

/* A worker's place: one backend in one incarnation of the present pass. */
typedef struct tm_seat {
    tm_worker *worker; /* NULL: not running */
    int32_t backend;
    int32_t incarnation; /* over all passes */
    bool ready;          /* compiled, bound and verified for the present case */
    bool bound;          /* to the present case's inputs */
    bool holds;          /* memory of a case, the present one or an earlier one */
    double call_ns;      /* estimate for the present case */
    int64_t batch;
    tm_findings findings;
} tm_seat;

/* How much of a case lies in workers at one time: what fits in memory. */
typedef enum tm_residency {
    TM_HOLD_ALL,         /* every worker of the pass holds its inputs and outputs */
    TM_HOLD_INCARNATION, /* the workers of one incarnation; incarnations follow each other */
    TM_HOLD_VISIT        /* one worker */
} tm_residency;

typedef struct tm_run {
    tm_run_options *options; /* its backends may have the automatic twin behind those asked for */
    tm_backend_spec *asked;  /* the backends as they came, while the twin is among the options' */
    int32_t shown;           /* how many were asked for: those that the record has */
    tm_store *store;
    char id[64];
    tm_schedule schedule;
    tm_record *record; /* backends and cells as they stand: what events show */
    tm_cell *cells;    /* [case][backend] */
    bool *round_done;  /* [case][incarnation][round], committed */
    tm_limits limits[TM_MOST_THREAD_COUNTS];
    int32_t limit_count;
    int32_t more_looks; /* at the limits, for placements of which too little was known */
    tm_shared *shared;
    tm_canary *canary;
    double *canary_ns; /* history */
    size_t canary_count, canary_capacity;
    char cache_folder[512];
    tm_seat seats[TM_MOST_INCARNATIONS * TM_MOST_BACKENDS];
    int32_t seat_count; /* incarnations of the pass x backends */
    int32_t pass, first_incarnation;
    int64_t rounds_run, rounds_repeated;
    double spent_ns[TM_PHASE_COUNT];
    double started_ns;         /* what visits' times count from; earlier than the process after a resume */
    double process_started_ns; /* when this process had the machine to itself */
    double pass_one_ns;        /* time of accepted cases in the first pass, for the budget */
    double aa_floor;           /* NaN: not known (yet) */
    bool no_floor, noisy;      /* found when verdicts were given */
    uint64_t throttle_count;   /* of the machine, when last looked at */
    bool throttled;            /* it has risen during the run */
    bool backend_dead[TM_MOST_BACKENDS];
    char backend_reason[TM_MOST_BACKENDS][640];
    tm_cell_status backend_status[TM_MOST_BACKENDS];
} tm_run;

/* --- cells: run_cells.c ------------------------------------------------------------------------------------- */

tm_cell *tm_run_cell(const tm_run *run, int64_t case_position, int32_t backend);

/* Of a backend that was asked for. */
tm_record_cell *tm_run_record_cell(const tm_run *run, int64_t case_position, int32_t backend);

/* Backends that still measure this case. */
int32_t tm_run_open_cells(const tm_run *run, int64_t case_position);

/* Appends a kept visit; the samples are copied. */
tm_status tm_cell_add_visit(tm_cell *cell, const tm_visit *visit, tm_error *error);

/* Nothing more will be measured of this cell. */
void tm_cell_end(tm_cell *cell, tm_cell_status status, const char *reason);

/* Writes what is known of the cell into its row of the record. */
tm_status tm_run_refresh_cell(tm_run *run, int64_t case_position, int32_t backend, tm_error *error);

/* Refreshes and stores the row of every backend of a case, in the caller's transaction. */
tm_status tm_run_store_case(tm_run *run, int64_t case_position, tm_error *error);

/* After the last pass: floors, and, of a complete run, verdicts. */
tm_status tm_run_conclude(tm_run *run, bool complete, tm_error *error);

/* --- labels: run_labels.c, cell_labels.def --------------------------------------------------------------------- */

/* Appends the cell's labels with ',' between, a backend's own last. False: out of memory. */
bool tm_cell_write_labels(const tm_run *run, const tm_cell *cell, const tm_summary *summary, const tm_bound *bound,
                          tm_text *labels);

/* Takes over what only the labels of a stored row still tell, into a cell that has none. */
void tm_cell_read_labels(tm_cell *cell, const char *labels);

/* --- comparisons: run_verdict.c, run_twin.c ----------------------------------------------------------------- */

/* Writes comparisons with the base and the twins' among themselves; sets aa_floor, no_floor and noisy. */
tm_status tm_run_give_verdicts(tm_run *run, tm_error *error);

int32_t tm_run_base(const tm_run *run);

/* The backend that was asked for and that this one is a twin of; -1 for none. */
int32_t tm_run_sibling(const tm_run *run, int32_t backend);

/* Puts the base's automatic twin behind the backends, when there are cases enough and it was not asked for. */
tm_status tm_run_add_twin(tm_run *run, tm_error *error);
void tm_run_drop_twin(tm_run *run);

/* Ends the twin's cells on the cases that it does not run on. */
tm_status tm_run_choose_twins(tm_run *run, tm_error *error);

/* Marks those of `cases` that the automatic twin runs on: none of fewer than 12, else 8 to 14 of all time classes,
 * short ones first, different ops first. `chosen` has a place for each case. */
void tm_twin_cases(const tm_case_list *cases, bool *chosen);

/* --- limits and machine: run_machine.c ---------------------------------------------------------------------- */

int32_t tm_run_threads(const tm_run *run, int32_t backend);
tm_status tm_run_measure_limits(tm_run *run, double seconds, tm_error *error);
const tm_limits *tm_run_limits(const tm_run *run, int32_t backend);
tm_status tm_run_describe_machine(tm_run *run, tm_error *error);

/* Where the run's processors lie now: see measure/placement.h. NaN with one thread. */
double tm_run_core_to_core(const tm_run *run);

/* Looks at the limits again when too little is known of them in this placement. A few times in a run. */
tm_status tm_run_know_placement(tm_run *run, double core_to_core_ns, tm_error *error);

/* Takes the machine's lock, waiting for another run to end. Returns the descriptor to close, -1 when cancelled. */
int tm_run_lock_machine(tm_run *run);

/* --- one case: run_case.c, run_round.c, run_note.c ------------------------------------------------------------- */

/* All of one case in the present pass. Only failures of the run itself (store, memory of the parent) are errors. */
tm_status tm_run_case(tm_run *run, int64_t case_position, tm_error *error);

/* Makes a seat ready for the case: worker alive, program compiled, bound, verified, calibrated. False when the cell
 * is final or the worker was lost (the cell says why). */
bool tm_seat_prepare(tm_run *run, tm_seat *seat, int64_t case_position, tm_case_data *data, tm_cell_check *check);
bool tm_seat_start(tm_run *run, tm_seat *seat);
void tm_seat_stop(tm_seat *seat);

/* What an outcome other than OK means for the cell; a lost worker is freed. */
void tm_seat_failed(tm_run *run, tm_seat *seat, int64_t case_position, const tm_outcome *outcome);

/* Stores the findings of a seat that has new ones; the caller's transaction. */
tm_status tm_run_store_findings(tm_run *run, int64_t case_position, const tm_seat *seat, tm_error *error);

/* One case's rounds over all seats. */
tm_status tm_run_rounds(tm_run *run, int64_t case_position, tm_case_data *data, tm_cell_check *checks,
                        tm_residency residency, tm_error *error);

/* Makes the worker give back what it holds of a case; it is left stopped. */
void tm_seat_release(tm_seat *seat);

bool tm_run_cancelled(const tm_run *run);

/* Has the machine slowed its clock down because of heat since the last call? */
bool tm_run_was_throttled(tm_run *run);

/* Rests after a case that took so long. */
void tm_run_rest(tm_run *run, double case_ns);

/* Adds the time since `begun_ns` to a phase and returns the present moment. */
double tm_run_spend(tm_run *run, tm_phase phase, double begun_ns);
void tm_run_tell_time(const tm_run *run);
void tm_run_notice(const tm_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- plan: run_plan.c --------------------------------------------------------------------------------------- */

/* What --resume needs, as JSON; of the backends the first `backends`. */
tm_status tm_run_plan_write(const tm_run_options *options, int32_t backends, char **json, tm_error *error);

/* Overwrites cases, backends, mode, seed, threads, base and budget of `options` with those of the plan. */
tm_status tm_run_plan_read(const char *json, tm_run_options *options, tm_error *error);

/* Takes over the visits and cells that a former process stored. */
tm_status tm_run_restore(tm_run *run, tm_error *error);

/* --- estimates: run_estimate.c ------------------------------------------------------------------------------ */

/* Bytes that parent and one worker need together for a case with `slots` input slots. */
double tm_case_memory(const tm_case *one, int32_t slots);

/* Slots that fit, 0 if the case does not fit in 85 % of what is free. */
int32_t tm_case_fitting_slots(const tm_case *one, double llc_bytes, double available_bytes);

/* The limits of a modest machine, for plans that are made before anything is measured. */
tm_limits tm_modest_limits(int32_t threads);

/* What measure/ must know of a graph's work. */
tm_load tm_load_of(const tm_work *work);

/* Time of one execution, as long as nothing better is known. */
double tm_case_call_ns(const tm_case *one, const tm_limits *limits);

/* Seconds that one case will take in all passes on all backends: a rough figure for plans. */
double tm_case_seconds(const tm_case *one, const tm_limits *limits, const tm_schedule *schedule, int32_t backends);

#endif
