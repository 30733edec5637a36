/* A frame is magic, version, type, sequence, length, checksum (24 bytes, little-endian) and a payload. Payloads are
 * described once per message: the same list of fields writes and reads, so the two cannot drift apart. Every read is
 * bounded by what is left; a failed cursor stays failed and yields zeros. */
#include "run/protocol.h"

#include <string.h>

static const uint8_t magic[4] = {'T', 'M', 'W', 'F'};

typedef struct wire {
    tm_text *out; /* NULL when reading */
    const uint8_t *in;
    size_t left;
    bool failed;
} wire;

static void put_number(uint8_t *into, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) into[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_number(const uint8_t *from, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) value |= (uint64_t)from[i] << (8 * i);
    return value;
}

static const uint8_t *take(wire *w, size_t bytes)
{
    if (w->failed || w->left < bytes) {
        w->failed = true;
        return NULL;
    }
    const uint8_t *at = w->in;
    w->in += bytes;
    w->left -= bytes;
    return at;
}

static void wire_u64(wire *w, uint64_t *value)
{
    uint8_t bytes[8];
    if (w->out) {
        put_number(bytes, *value, sizeof bytes);
        tm_text_add_bytes(w->out, bytes, sizeof bytes);
        return;
    }
    const uint8_t *at = take(w, sizeof bytes);
    *value = at ? get_number(at, sizeof bytes) : 0;
}

static void wire_u32(wire *w, uint32_t *value)
{
    uint8_t bytes[4];
    if (w->out) {
        put_number(bytes, *value, sizeof bytes);
        tm_text_add_bytes(w->out, bytes, sizeof bytes);
        return;
    }
    const uint8_t *at = take(w, sizeof bytes);
    *value = at ? (uint32_t)get_number(at, sizeof bytes) : 0;
}

static void wire_i32(wire *w, int32_t *value)
{
    uint32_t bits = (uint32_t)*value;
    wire_u32(w, &bits);
    *value = (int32_t)bits;
}

static void wire_i64(wire *w, int64_t *value)
{
    uint64_t bits = (uint64_t)*value;
    wire_u64(w, &bits);
    *value = (int64_t)bits;
}

static void wire_real(wire *w, double *value)
{
    uint64_t bits;
    memcpy(&bits, value, sizeof bits);
    wire_u64(w, &bits);
    memcpy(value, &bits, sizeof bits);
}

static void wire_bool(wire *w, bool *value)
{
    uint32_t number = *value;
    wire_u32(w, &number);
    if (number > 1) w->failed = true;
    *value = number == 1;
}

/* A text in a fixed array: length, then the bytes; no zero byte inside. */
static void wire_text(wire *w, char *text, size_t capacity)
{
    if (w->out) {
        uint32_t length = (uint32_t)strnlen(text, capacity);
        if (length >= capacity) w->failed = true;
        wire_u32(w, &length);
        tm_text_add_bytes(w->out, text, length);
        return;
    }
    uint32_t length = 0;
    wire_u32(w, &length);
    const uint8_t *at = length < capacity ? take(w, length) : NULL;
    text[0] = '\0';
    if (!at || memchr(at, 0, length)) {
        w->failed = true;
        return;
    }
    memcpy(text, at, length);
    text[length] = '\0';
}

/* Bytes of any length, which stay where they are. */
static void wire_block(wire *w, const uint8_t **block, uint32_t *length)
{
    wire_u32(w, length);
    if (w->out) {
        if (*length > 0) tm_text_add_bytes(w->out, *block, *length);
        return;
    }
    *block = take(w, *length);
    if (!*block) *length = 0;
}

static void open_request(wire *w, tm_request *r)
{
    wire_text(w, r->library, sizeof r->library);
    wire_text(w, r->location, sizeof r->location);
    wire_text(w, r->device, sizeof r->device);
    wire_text(w, r->options, sizeof r->options);
    wire_text(w, r->scratch, sizeof r->scratch);
    wire_i32(w, &r->threads);
    wire_i32(w, &r->delay_percent);
    wire_bool(w, &r->probe_only);
    wire_bool(w, &r->network);
}

static void request_fields(wire *w, tm_request *r)
{
    const uint8_t *graph = r->graph;
    switch (r->type) {
    case TM_MESSAGE_OPEN: open_request(w, r); break;
    case TM_MESSAGE_COMPILE:
        wire_block(w, &graph, &r->graph_bytes);
        r->graph = graph;
        wire_i32(w, &r->slots);
        break;
    case TM_MESSAGE_BIND:
        wire_i32(w, &r->slot);
        wire_i32(w, &r->input);
        wire_u64(w, &r->offset);
        wire_u64(w, &r->bytes);
        break;
    case TM_MESSAGE_CALL: wire_i32(w, &r->slot); break;
    case TM_MESSAGE_READ:
    case TM_MESSAGE_HASH_OUTPUT: wire_u64(w, &r->bytes); break;
    case TM_MESSAGE_HASH_INPUT:
        wire_i32(w, &r->slot);
        wire_i32(w, &r->input);
        wire_u64(w, &r->bytes);
        break;
    case TM_MESSAGE_CALIBRATE:
        wire_real(w, &r->first_call_ns);
        wire_bool(w, &r->gpu);
        wire_bool(w, &r->linearity);
        wire_bool(w, &r->hold_slot);
        break;
    case TM_MESSAGE_VISIT:
        wire_i64(w, &r->batch);
        wire_i32(w, &r->rule.samples);
        wire_real(w, &r->rule.time_ns);
        wire_bool(w, &r->rule.discard_first);
        wire_u64(w, &r->bytes);
        wire_i32(w, &r->capacity);
        wire_bool(w, &r->slope);
        wire_bool(w, &r->hold_slot);
        break;
    case TM_MESSAGE_REWRITE:
        wire_u64(w, &r->offset);
        wire_u64(w, &r->bytes);
        wire_real(w, &r->call_ns);
        break;
    default: break; /* the others carry nothing */
    }
}

static void wire_noise(wire *w, tm_noise *noise)
{
    wire_u64(w, &noise->run_delay_ns);
    wire_u64(w, &noise->steal_ticks);
    wire_bool(w, &noise->valid);
}

static void wire_hash(wire *w, tm_hash128 *hash)
{
    wire_u64(w, &hash->low);
    wire_u64(w, &hash->high);
}

static void wire_declared(wire *w, tm_declared *declared)
{
    int32_t accumulator = (int32_t)declared->accumulator;
    wire_i32(w, &accumulator);
    if (accumulator < TM_F32 || accumulator > TM_I64) w->failed = true;
    declared->accumulator = w->failed ? TM_F32 : (tm_dtype)accumulator;
    wire_i32(w, &declared->tf32);
    wire_i32(w, &declared->flushes_denormals);
    wire_i32(w, &declared->rounds_between_ops);
    wire_i32(w, &declared->quantises_activations);
    wire_i32(w, &declared->winograd);
    wire_text(w, declared->labels, sizeof declared->labels);
}

static void wire_calibration(wire *w, tm_calibration *c)
{
    wire_real(w, &c->timer.resolution_ns);
    wire_real(w, &c->timer.overhead_ns);
    wire_real(w, &c->call_ns);
    wire_i64(w, &c->batch);
    wire_i32(w, &c->ratios);
    for (size_t i = 0; i < sizeof c->ratio / sizeof *c->ratio; i++) wire_real(w, &c->ratio[i]);
    wire_real(w, &c->least_ratio);
    wire_real(w, &c->four_ratio);
    wire_real(w, &c->singly_ratio);
}

static void wire_rewriting(wire *w, tm_rewriting *r)
{
    wire_i32(w, &r->pairs);
    for (size_t i = 0; i < sizeof r->new_ns / sizeof *r->new_ns; i++) {
        wire_real(w, &r->same_ns[i]);
        wire_real(w, &r->new_ns[i]);
    }
    wire_hash(w, &r->hash);
}

static void visit_answer(wire *w, tm_answer *a)
{
    wire_block(w, &a->stamps, &a->stamp_bytes);
    wire_bool(w, &a->discarded);
    wire_u64(w, &a->first_start_ns);
    wire_u64(w, &a->first_stop_ns);
    wire_i32(w, &a->last_slot);
    wire_noise(w, &a->before);
    wire_noise(w, &a->after);
    wire_bool(w, &a->late);
    wire_hash(w, &a->hash);
}

static void answer_fields(wire *w, tm_answer *a)
{
    int32_t status = (int32_t)a->status;
    wire_i32(w, &status);
    if (status < TM_OK || status > TM_FAILED) w->failed = true;
    a->status = w->failed ? TM_FAILED : (tm_status)status;
    wire_text(w, a->message, sizeof a->message);
    switch (a->type) {
    case TM_MESSAGE_OPEN:
        wire_text(w, a->info.framework, sizeof a->info.framework);
        wire_text(w, a->info.device, sizeof a->info.device);
        wire_text(w, a->info.library, sizeof a->info.library);
        wire_text(w, a->sandbox, sizeof a->sandbox);
        wire_text(w, a->devices, sizeof a->devices);
        wire_bool(w, &a->needs_network);
        break;
    case TM_MESSAGE_COMPILE: wire_declared(w, &a->declared); break;
    case TM_MESSAGE_CALL:
        wire_u64(w, &a->start_ns);
        wire_u64(w, &a->stop_ns);
        break;
    case TM_MESSAGE_HASH_OUTPUT:
    case TM_MESSAGE_HASH_INPUT:
        wire_hash(w, &a->hash);
        wire_bool(w, &a->known);
        break;
    case TM_MESSAGE_CALIBRATE: wire_calibration(w, &a->calibration); break;
    case TM_MESSAGE_VISIT: visit_answer(w, a); break;
    case TM_MESSAGE_REWRITE: wire_rewriting(w, &a->rewriting); break;
    case TM_MESSAGE_MEMORY:
        wire_u64(w, &a->host_bytes);
        wire_u64(w, &a->device_bytes);
        break;
    default: break; /* the others carry nothing */
    }
}

bool tm_request_write(const tm_request *request, tm_text *into)
{
    wire w = {.out = into};
    tm_request copy = *request;
    request_fields(&w, &copy);
    return !w.failed && !into->failed;
}

bool tm_answer_write(const tm_answer *answer, tm_text *into)
{
    wire w = {.out = into};
    tm_answer copy = *answer;
    answer_fields(&w, &copy);
    return !w.failed && !into->failed;
}

bool tm_request_read(tm_message type, const void *payload, size_t length, tm_request *into)
{
    wire w = {.in = payload, .left = length};
    memset(into, 0, sizeof *into);
    into->type = type;
    request_fields(&w, into);
    return !w.failed && w.left == 0;
}

bool tm_answer_read(tm_message type, const void *payload, size_t length, tm_answer *into)
{
    wire w = {.in = payload, .left = length};
    memset(into, 0, sizeof *into);
    into->type = type;
    answer_fields(&w, into);
    return !w.failed && w.left == 0;
}

/* Binds the payload to the header in front of it: neither can be exchanged alone. */
static uint64_t checksum_of(const uint8_t *header, const void *payload, size_t length)
{
    uint64_t parts[2] = {tm_hash_bytes(header, 16), tm_hash_bytes(payload, length)};
    return tm_hash_bytes(parts, sizeof parts);
}

bool tm_wire_frame(tm_text *into, uint16_t type, uint32_t sequence, const void *payload, size_t length)
{
    if (length > TM_WIRE_CAP) return false;
    uint8_t header[TM_WIRE_HEADER];
    memcpy(header, magic, sizeof magic);
    put_number(header + 4, TM_WIRE_VERSION, 2);
    put_number(header + 6, type, 2);
    put_number(header + 8, sequence, 4);
    put_number(header + 12, length, 4);
    put_number(header + 16, checksum_of(header, length ? payload : "", length), 8);
    tm_text_add_bytes(into, header, sizeof header);
    if (length > 0) tm_text_add_bytes(into, payload, length);
    return !into->failed;
}

const char *tm_wire_read_header(const uint8_t *bytes, tm_wire_header *into)
{
    if (memcmp(bytes, magic, sizeof magic) != 0) return "bad magic number";
    if (get_number(bytes + 4, 2) != TM_WIRE_VERSION) return "wrong protocol version";
    into->type = (uint16_t)get_number(bytes + 6, 2);
    into->sequence = (uint32_t)get_number(bytes + 8, 4);
    into->length = (uint32_t)get_number(bytes + 12, 4);
    into->checksum = get_number(bytes + 16, 8);
    const uint32_t type = into->type & ~TM_WIRE_ANSWER;
    if (type < TM_MESSAGE_OPEN || type >= TM_MESSAGE_COUNT) return "unknown message type";
    return into->length > TM_WIRE_CAP ? "frame above 16 MiB" : NULL;
}

const char *tm_wire_check(const uint8_t *header, const void *payload)
{
    const size_t length = (size_t)get_number(header + 12, 4);
    return get_number(header + 16, 8) == checksum_of(header, length ? payload : "", length) ? NULL : "wrong checksum";
}
