/* What parent and worker say to each other: one request, one answer, each in a frame. Pure functions over bytes; the
 * parent takes everything that comes from a worker for hostile. */
#ifndef TM_RUN_PROTOCOL_H
#define TM_RUN_PROTOCOL_H

#include "base/hash.h"
#include "base/text.h"
#include "measure/disturbance.h"
#include "run/worker_link.h"

#define TM_WIRE_VERSION 1u
#define TM_WIRE_HEADER  24u
#define TM_WIRE_CAP     ((size_t)16 << 20) /* payload bytes */

/* A worker's file descriptors. */
enum { TM_WORKER_SOCKET = 3, TM_WORKER_INPUTS = 4, TM_WORKER_OUTPUTS = 5 };

typedef enum tm_message {
    TM_MESSAGE_OPEN = 1,
    TM_MESSAGE_COMPILE,
    TM_MESSAGE_BIND,
    TM_MESSAGE_UNBIND,
    TM_MESSAGE_CALL,
    TM_MESSAGE_READ,
    TM_MESSAGE_HASH_OUTPUT,
    TM_MESSAGE_HASH_INPUT,
    TM_MESSAGE_CALIBRATE,
    TM_MESSAGE_VISIT,
    TM_MESSAGE_MEMORY,
    TM_MESSAGE_CLOSE,
    TM_MESSAGE_REWRITE,
    TM_MESSAGE_COUNT
} tm_message;

typedef struct tm_wire_header {
    uint16_t type; /* tm_message; answers have TM_WIRE_ANSWER added */
    uint32_t sequence;
    uint32_t length; /* of the payload */
    uint64_t checksum;
} tm_wire_header;
#define TM_WIRE_ANSWER 0x8000u

/* Appends a whole frame. False: payload above the cap, or out of memory. */
bool tm_wire_frame(tm_text *into, uint16_t type, uint32_t sequence, const void *payload, size_t length);

/* Reads TM_WIRE_HEADER bytes. NULL, or what is wrong with them (static). */
const char *tm_wire_read_header(const uint8_t *bytes, tm_wire_header *into);

/* NULL, or what is wrong: the checksum covers header and payload. */
const char *tm_wire_check(const uint8_t *header, const void *payload);

/* Fields not used by `type` are neither sent nor read. */
typedef struct tm_request {
    tm_message type;
    /* OPEN */
    char library[512], location[512], device[32], options[64], scratch[256];
    int32_t threads, delay_percent;
    bool probe_only, network;
    /* COMPILE; not owned */
    const void *graph;
    uint32_t graph_bytes;
    int32_t slots;
    /* BIND, CALL, READ, HASH_*, VISIT, REWRITE (where two sets of inputs lie, and how far apart) */
    int32_t slot, input;
    uint64_t offset, bytes;
    /* CALIBRATE, VISIT */
    bool hold_slot;
    /* CALIBRATE */
    double first_call_ns;
    bool gpu, linearity;
    /* REWRITE */
    double call_ns;
    /* VISIT */
    int64_t batch;
    tm_visit_rule rule;
    int32_t capacity;
    bool slope;
} tm_request;

typedef struct tm_answer {
    tm_message type;
    tm_status status;
    char message[512];
    /* OPEN */
    tm_device_info info;
    char sandbox[64];   /* what holds the backend back, "" for nothing */
    char devices[128];  /* the table's; known even where the probe failed */
    bool needs_network; /* start again with `network` */
    /* COMPILE */
    tm_declared declared;
    /* CALL: start and stop; VISIT: start and stop of each batch of each kept sample, little-endian u64, not owned */
    uint64_t start_ns, stop_ns;
    const uint8_t *stamps;
    uint32_t stamp_bytes;
    /* VISIT */
    bool discarded;
    uint64_t first_start_ns, first_stop_ns;
    int32_t last_slot;
    tm_noise before, after;
    bool late;
    /* VISIT, HASH_* */
    tm_hash128 hash;
    bool known;
    /* CALIBRATE */
    tm_calibration calibration;
    /* REWRITE */
    tm_rewriting rewriting;
    /* MEMORY */
    uint64_t host_bytes, device_bytes;
} tm_answer;

/* Append the payload. False: a text too long, or out of memory. */
bool tm_request_write(const tm_request *request, tm_text *into);
bool tm_answer_write(const tm_answer *answer, tm_text *into);

/* False unless the payload is exactly one message of `type`. Pointers lead into `payload`. */
bool tm_request_read(tm_message type, const void *payload, size_t length, tm_request *into);
bool tm_answer_read(tm_message type, const void *payload, size_t length, tm_answer *into);

/* Plausibility of what a worker says: NULL, or what is wrong (static). `sent_ns` and `received_ns` are the parent's own
 * stamps around the request; the clock is the same in both processes. */
const char *tm_answer_check_call(const tm_answer *answer, uint64_t sent_ns, uint64_t received_ns);
const char *tm_answer_check_calibration(const tm_answer *answer, uint64_t sent_ns, uint64_t received_ns);
const char *tm_answer_check_rewriting(const tm_answer *answer, uint64_t sent_ns, uint64_t received_ns);
const char *tm_answer_take_visit(const tm_answer *answer, const tm_request *asked, int32_t slots, uint64_t sent_ns,
                                 uint64_t received_ns, tm_visit_result *into);

#endif
