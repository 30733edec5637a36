/* Recorded runs as operands of commands. */
#ifndef TM_CLI_COMPARE_H
#define TM_CLI_COMPARE_H

#include "cli/cli.h"
#include "run/compare.h"

/* The run that `word` names: the start of an id in the database of --db, a database (its newest run), or DATABASE:ID.
 * The caller frees the record. Complains; 0 when all went well. */
int tm_cli_load_run(const tm_options *options, const char *word, bool samples, tm_record **into);

/* The backend of a run that `word` names, in short or in full: its id in the record; NULL for none, or no word. */
const char *tm_cli_backend_of(const tm_record *record, const char *word);

/* Complains of a --base that names none. */
int tm_cli_check_base(const tm_record *record, const char *base);

#endif
