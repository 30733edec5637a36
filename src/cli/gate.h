/* --fail-on-regression: after a run, against a baseline or a backend of the run itself. */
#ifndef TM_CLI_GATE_H
#define TM_CLI_GATE_H

#include "cli/cli.h"
#include "run/run.h"
#include "store/gate.h"

/* Is a gate asked for? */
bool tm_cli_has_gate(const tm_options *options);

/* What can be wrong with the request, before anything is measured. `*baseline` gets the run of --baseline, with its
 * samples (NULL without one); the caller frees it. Complains; 0 when all is well. */
int tm_cli_gate_check(const tm_options *options, const tm_run_options *run, tm_record **baseline);

/* Judges a complete run, whose `record` has its samples. What seems to be slower than allowed is measured again by 8
 * fresh processes, as a run of its own, and judged by that alone. TM_EXIT_REGRESSION when that is slower as well;
 * TM_EXIT_CELLS when something could not be measured again. Says what was found. `gate` is zero before and is freed by
 * the caller, before the records. */
int tm_cli_gate(const tm_options *options, const tm_run_options *run, const tm_record *record,
                const tm_record *baseline, tm_gate *gate);

/* Writes the files of --junit and --summary, as far as they are asked for. `gate` may be NULL. */
int tm_cli_write_ci(const tm_options *options, const tm_record *record, const tm_gate *gate);

/* True when files of --junit and --summary can be made where they are asked for; else complains. */
bool tm_cli_check_ci(const tm_options *options);

#endif
