/* The mock backend: computes right answers, and misbehaves by script. For the tests of everything around backends. */
#ifndef MOCK_H
#define MOCK_H

#include "tensormark/backend.h"

#include <stdbool.h>

enum { MOCK_MAX_RULES = 64, MOCK_MAX_INPUTS = 8 };

/* Where in a backend's life a rule strikes. */
typedef enum mock_moment {
    MOCK_PROBE,
    MOCK_OPEN,
    MOCK_COMPILE,
    MOCK_BIND,
    MOCK_RUN,
    MOCK_READ,
    MOCK_MOMENTS
} mock_moment;

typedef enum mock_fault {
    MOCK_CALL_NS,  /* each execution takes so long */
    MOCK_LATER_NS, /* from the n-th after inputs were bound on it does */
    MOCK_BATCH_NS, /* so much more for all executions that are asked for at once */
    MOCK_SPOIL,    /* the n-th after inputs were bound and later ones change an input */
    MOCK_CRASH,    /* SIGSEGV */
    MOCK_ABORT,
    MOCK_EXIT0,
    MOCK_HANG, /* for ever, SIGTERM ignored */
    MOCK_STOP, /* SIGSTOPs itself */
    MOCK_OOM,  /* TM_OUT_OF_MEMORY */
    MOCK_DEVICE_OOM,
    MOCK_DEVICE_ERROR,
    MOCK_FAIL,    /* TM_FAILED with a message */
    MOCK_FLOOD,   /* so many bytes on stderr */
    MOCK_GARBAGE, /* random bytes on the worker's socket */
    MOCK_FORK,    /* leaves a child behind */
    MOCK_ESCAPE,  /* leaves one behind that has left the process group */
    MOCK_NETWORK, /* TM_FAILED unless an internet socket is refused */
    MOCK_WRITE,   /* TM_FAILED unless writing to the given path is refused */
    MOCK_WRONG,   /* one element of the output is off */
    MOCK_NOTHING, /* executions do nothing */
    MOCK_UNSUPPORTED,
    MOCK_FAULTS
} mock_fault;

typedef struct mock_rule {
    mock_fault fault;
    mock_moment moment;
    int64_t at; /* strikes at the at-th time; 0: always */
    double amount;
    char text[128]; /* message, op or path */
    char op[32];    /* only graphs with this op; "" for all */
} mock_rule;

typedef struct mock_script {
    mock_rule rule[MOCK_MAX_RULES];
    int32_t rules;
} mock_script;

/* Reads a script file; see docs/backends.md for its lines. An empty path is an empty script. */
tm_status mock_script_read(const char *path, mock_script *into, tm_error *error);

/* Commits the faults of this moment. Returns what the call that is under way should return. */
tm_status mock_strike(const mock_script *script, mock_moment moment, int64_t time, const tm_host *host,
                      const tm_graph *graph, tm_error *error);

/* The rule of this kind that holds for the graph, or NULL. */
const mock_rule *mock_find(const mock_script *script, mock_fault fault, const tm_host *host, const tm_graph *graph);

bool mock_graph_has(const tm_host *host, const tm_graph *graph, const char *op);

/* Computes the graph's single node in float64; TM_UNSUPPORTED (with the reason) for what it does not know. */
tm_status mock_can_compute(const tm_host *host, const tm_graph *graph, tm_error *error);
void mock_compute(const tm_host *host, const tm_graph *graph, float *const *inputs, float *output);

tm_status mock_fail(tm_error *error, tm_status status, const char *message, const char *about);
int64_t mock_elements(const tm_shape *shape);

#endif
