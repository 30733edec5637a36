/* A request goes out in one frame, an answer comes back in one; while waiting, the parent drains the worker's stdout
 * and stderr, so that a flood blocks neither side. Whatever is not the answer that was asked for (another type or
 * sequence, a bad frame, values that cannot be) ends the worker: after that, nothing it said is used. */
#include "run/worker_link.h"
#include "base/clock.h"
#include "base/resident.h"
#include "run/protocol.h"
#include "run/scratch.h"
#include "run/spawn.h"
#include "run/worker_end.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Deadlines of requests whose callers give none (reliability.md row 2). */
static const double compile_timeout_s = 120.0;
static const double least_timeout_s = 10.0;
static const double slow_bytes_per_s = 50e6;

struct tm_worker {
    tm_process process;
    tm_shared *shared;
    char scratch[256]; /* "" for none */
    char sandbox[64];
    tm_text log; /* what tm_worker_stderr gave out */
    uint32_t sequence;
    int32_t slots, threads;
    uint64_t sent_ns, received_ns; /* around the last request */
    uint8_t *payload;              /* of the last answer */
    bool lost;
};

static double copy_timeout(size_t bytes)
{
    return least_timeout_s + (double)bytes / slow_bytes_per_s;
}

/* Ends the worker for what the parent saw. */
static tm_outcome lose(tm_worker *worker, tm_cell_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static tm_outcome lose(tm_worker *worker, tm_cell_status status, const char *format, ...)
{
    char seen[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(seen, sizeof seen, format, arguments);
    va_end(arguments);
    worker->lost = true;
    return tm_worker_end(&worker->process, status, seen);
}

/* Waits until the socket can be read or written, the worker has ended, or the deadline is over. Returns poll's bits of
 * the socket; 0 at the deadline. */
static short wait_for(tm_worker *worker, short wanted, uint64_t deadline)
{
    for (;;) {
        const uint64_t now = tm_now_ns();
        if (now >= deadline) return 0;
        const uint64_t left_ms = (deadline - now) / 1000000u + 1u;
        tm_process *process = &worker->process;
        struct pollfd waits[] = {{process->socket, wanted, 0}, {process->log, POLLIN, 0}, {process->alive, POLLIN, 0}};
        const int got = poll(waits, 3, (int)(left_ms < 1000 ? left_ms : 1000));
        if (got < 0 && errno != EINTR) return POLLERR;
        if (got > 0 && waits[1].revents) tm_process_drain(process);
        if (got > 0 && waits[0].revents) return waits[0].revents;
        if (got > 0 && waits[2].revents) return POLLHUP;
    }
}

typedef enum transfer { TRANSFER_DONE, TRANSFER_LATE, TRANSFER_BROKEN } transfer;

static transfer send_all(tm_worker *worker, const char *bytes, size_t count, uint64_t deadline)
{
    while (count > 0) {
        const ssize_t sent = send(worker->process.socket, bytes, count, MSG_NOSIGNAL);
        if (sent > 0) {
            bytes += sent;
            count -= (size_t)sent;
        } else if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            const short ready = wait_for(worker, POLLOUT, deadline);
            if (ready == 0) return TRANSFER_LATE;
            if (ready & (POLLERR | POLLHUP)) return TRANSFER_BROKEN;
        } else {
            return TRANSFER_BROKEN;
        }
    }
    return TRANSFER_DONE;
}

/* Reads what is there before it looks at whether the worker still lives: a last answer counts. */
static transfer receive_all(tm_worker *worker, uint8_t *bytes, size_t count, uint64_t deadline)
{
    while (count > 0) {
        const ssize_t got = recv(worker->process.socket, bytes, count, 0);
        if (got > 0) {
            bytes += got;
            count -= (size_t)got;
        } else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            const short ready = wait_for(worker, POLLIN, deadline);
            if (ready == 0) return TRANSFER_LATE;
            if (!(ready & POLLIN)) {
                struct pollfd last = {worker->process.socket, POLLIN, 0};
                if (poll(&last, 1, 0) <= 0 || !(last.revents & POLLIN)) return TRANSFER_BROKEN;
            }
        } else {
            return TRANSFER_BROKEN;
        }
    }
    return TRANSFER_DONE;
}

static tm_outcome transfer_failed(tm_worker *worker, transfer how, double timeout_s)
{
    if (how == TRANSFER_LATE) return lose(worker, TM_CELL_HUNG, "no answer within %.3g s", timeout_s);
    worker->lost = true;
    return tm_worker_end(&worker->process, TM_CELL_PROTOCOL, NULL);
}

static tm_outcome outcome_of(tm_worker *worker, const tm_answer *answer)
{
    static const tm_cell_status words[] = {
        [TM_OK] = TM_CELL_OK,
        [TM_UNSUPPORTED] = TM_CELL_UNSUPPORTED,
        [TM_INVALID_ARGUMENT] = TM_CELL_FAILED,
        [TM_OUT_OF_MEMORY] = TM_CELL_OOM,
        [TM_DEVICE_OUT_OF_MEMORY] = TM_CELL_OOM_DEVICE,
        [TM_DEVICE_ERROR] = TM_CELL_DEVICE_ERROR,
        [TM_FAILED] = TM_CELL_FAILED,
    };
    tm_outcome outcome = {.status = words[answer->status]};
    if (outcome.status == TM_CELL_OK) return outcome;
    const char *message = answer->message[0] ? answer->message : "no message";
    /* After a device fault the process is good for nothing more. */
    if (answer->status == TM_DEVICE_ERROR || answer->status == TM_DEVICE_OUT_OF_MEMORY) {
        return lose(worker, outcome.status, "%s", message);
    }
    tm_text visible = {0};
    tm_text_add_visible(&visible, message);
    snprintf(outcome.reason, sizeof outcome.reason, "%s", visible.data && !visible.failed ? visible.data : "");
    tm_text_free(&visible);
    return outcome;
}

/* The answer's frame, into worker->payload; *answer points into it. */
static tm_outcome receive(tm_worker *worker, const tm_request *request, uint64_t deadline, double timeout_s,
                          tm_answer *answer)
{
    uint8_t header[TM_WIRE_HEADER];
    transfer how = receive_all(worker, header, sizeof header, deadline);
    if (how != TRANSFER_DONE) return transfer_failed(worker, how, timeout_s);
    tm_wire_header frame;
    const char *wrong = tm_wire_read_header(header, &frame);
    if (wrong) return lose(worker, TM_CELL_PROTOCOL, "%s", wrong);
    if (frame.type != (request->type | TM_WIRE_ANSWER) || frame.sequence != worker->sequence) {
        return lose(worker, TM_CELL_PROTOCOL, "an answer to something else");
    }
    free(worker->payload);
    worker->payload = malloc(frame.length ? frame.length : 1);
    if (!worker->payload) return lose(worker, TM_CELL_OOM, "no memory in the parent for an answer");
    how = receive_all(worker, worker->payload, frame.length, deadline);
    if (how != TRANSFER_DONE) return transfer_failed(worker, how, timeout_s);
    worker->received_ns = tm_now_ns();
    wrong = tm_wire_check(header, worker->payload);
    if (wrong) return lose(worker, TM_CELL_PROTOCOL, "%s", wrong);
    if (!tm_answer_read(request->type, worker->payload, frame.length, answer)) {
        return lose(worker, TM_CELL_PROTOCOL, "malformed answer");
    }
    return outcome_of(worker, answer);
}

static tm_outcome ask(tm_worker *worker, const tm_request *request, double timeout_s, tm_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    if (worker->lost) return (tm_outcome){TM_CELL_FAILED, true, "the worker is gone"};
    tm_worker_wake(worker);
    tm_text payload = {0}, frame = {0};
    worker->sequence++;
    const bool written = tm_request_write(request, &payload) &&
                         tm_wire_frame(&frame, (uint16_t)request->type, worker->sequence, payload.data, payload.length);
    tm_outcome outcome = {.status = TM_CELL_FAILED, .reason = "the request is too large for a frame"};
    if (written) {
        worker->sent_ns = tm_now_ns();
        const uint64_t deadline = worker->sent_ns + (uint64_t)(timeout_s * 1e9);
        const transfer how = send_all(worker, frame.data, frame.length, deadline);
        outcome = how == TRANSFER_DONE ? receive(worker, request, deadline, timeout_s, answer)
                                       : transfer_failed(worker, how, timeout_s);
    }
    tm_text_free(&payload);
    tm_text_free(&frame);
    return outcome;
}

/* Drops a worker whose answer was well-formed but cannot be true. */
static tm_outcome checked(tm_worker *worker, tm_outcome outcome, const char *wrong)
{
    if (outcome.status != TM_CELL_OK || !wrong) return outcome;
    return lose(worker, TM_CELL_PROTOCOL, "%s", wrong);
}

/* A cheap mixing of seed and incarnation: layouts differ between incarnations, and repeat with the seed. */
static uint64_t layout_of(const tm_worker_setup *setup)
{
    const uint64_t parts[2] = {setup->seed, (uint64_t)(uint32_t)setup->incarnation};
    return tm_hash_bytes(parts, sizeof parts);
}

static tm_outcome start_once(const tm_worker_setup *setup, tm_request *open, tm_worker **into, tm_answer *answer)
{
    tm_outcome outcome = {.status = TM_CELL_OOM, .reason = "out of memory for a worker"};
    tm_worker *worker = calloc(1, sizeof *worker);
    if (!worker) return outcome;
    worker->shared = setup->shared;
    worker->threads = setup->threads;
    /* The engine writes no files. */
    if (setup->spec->library[0]) tm_scratch_make(worker->scratch, sizeof worker->scratch);
    snprintf(open->scratch, sizeof open->scratch, "%s", worker->scratch);
    const uint64_t layout = layout_of(setup);
    const tm_process_setup process = {.shared = setup->shared,
                                      .threads = setup->threads,
                                      .padding = (int32_t)(layout % 4096),
                                      .offset = (int32_t)((layout >> 32) % 64 * 64),
                                      .scratch = worker->scratch};
    tm_error error;
    if (tm_process_start(&process, &worker->process, &error) != TM_OK) {
        worker->lost = true;
        outcome = (tm_outcome){.status = TM_CELL_FAILED, .lost = true};
        snprintf(outcome.reason, sizeof outcome.reason, "%s", error.message);
    } else {
        outcome = ask(worker, open, setup->open_timeout_s, answer);
    }
    if (outcome.status != TM_CELL_OK) {
        tm_worker_free(worker);
        return outcome;
    }
    memcpy(worker->sandbox, answer->sandbox, sizeof worker->sandbox);
    *into = worker;
    return outcome;
}

static tm_outcome start(const tm_worker_setup *setup, bool probe_only, tm_worker **into, tm_answer *answer)
{
    *into = NULL;
    tm_request open = {.type = TM_MESSAGE_OPEN,
                       .threads = setup->threads,
                       .delay_percent = setup->spec->delay_percent,
                       .probe_only = probe_only};
    memcpy(open.library, setup->spec->library, sizeof open.library);
    memcpy(open.location, setup->spec->location, sizeof open.location);
    memcpy(open.device, setup->spec->device, sizeof setup->spec->device);
    memcpy(open.options, setup->spec->options, sizeof setup->spec->options);
    memset(answer, 0, sizeof *answer);
    tm_outcome outcome = start_once(setup, &open, into, answer);
    /* Its table says that it cannot do without network: only now a process gets one. */
    if (outcome.status == TM_CELL_OK && answer->needs_network) {
        tm_worker_free(*into);
        *into = NULL;
        open.network = true;
        outcome = start_once(setup, &open, into, answer);
    }
    return outcome;
}

tm_outcome tm_worker_start(const tm_worker_setup *setup, tm_worker **into, tm_device_info *info)
{
    tm_answer answer;
    const tm_outcome outcome = start(setup, false, into, &answer);
    *info = outcome.status == TM_CELL_OK ? answer.info : (tm_device_info){0};
    return outcome;
}

void tm_backend_probe(const tm_backend_spec *spec, tm_backend_found *into)
{
    memset(into, 0, sizeof *into);
    into->spec = *spec;
    tm_shared *shared = NULL;
    tm_error error;
    if (tm_shared_new(&shared, &error) != TM_OK) {
        snprintf(into->reason, sizeof into->reason, "%s", error.message);
        return;
    }
    /* 5 s are the backend's; the rest is for loading a framework from a cold disk. */
    const tm_worker_setup setup = {
        .spec = spec, .threads = spec->threads > 0 ? spec->threads : 1, .shared = shared, .open_timeout_s = 60.0};
    tm_worker *worker = NULL;
    tm_answer answer;
    const tm_outcome outcome = start(&setup, true, &worker, &answer);
    into->usable = outcome.status == TM_CELL_OK;
    if (into->usable) into->info = answer.info;
    memcpy(into->devices, answer.devices, sizeof into->devices);
    if (outcome.status == TM_CELL_OK || outcome.status == TM_CELL_UNSUPPORTED || outcome.status == TM_CELL_FAILED) {
        snprintf(into->reason, sizeof into->reason, "%.500s", outcome.reason);
    } else {
        snprintf(into->reason, sizeof into->reason, "%s: %.480s", tm_cell_status_name(outcome.status), outcome.reason);
    }
    tm_worker_free(worker);
    tm_shared_free(shared);
}

void tm_worker_free(tm_worker *worker)
{
    if (!worker) return;
    if (!worker->lost) {
        const tm_request request = {.type = TM_MESSAGE_CLOSE};
        tm_answer answer;
        const tm_outcome outcome = ask(worker, &request, 2.0, &answer);
        if (outcome.status == TM_CELL_OK) tm_process_ended(&worker->process, 1.0);
    }
    tm_process_end(&worker->process);
    tm_process_close(&worker->process);
    tm_scratch_remove(worker->scratch);
    tm_text_free(&worker->log);
    free(worker->payload);
    free(worker);
}

void tm_worker_pause(tm_worker *worker)
{
    tm_process_pause(&worker->process);
}

void tm_worker_wake(tm_worker *worker)
{
    tm_process_wake(&worker->process);
}

int32_t tm_worker_pid(const tm_worker *worker)
{
    return worker->process.pid;
}

const char *tm_worker_sandbox(const tm_worker *worker)
{
    return worker->sandbox;
}

const char *tm_worker_stderr(tm_worker *worker)
{
    tm_process_drain(&worker->process);
    tm_text_free(&worker->log);
    worker->log = (tm_text){0};
    tm_log_text(&worker->process, &worker->log);
    return worker->log.data && !worker->log.failed ? worker->log.data : "";
}

tm_outcome tm_worker_compile(tm_worker *worker, const tm_graph *graph, int32_t slots, tm_declared *declared)
{
    memset(declared, 0, sizeof *declared);
    tm_text bytes = {0};
    tm_error error;
    tm_outcome outcome = {.status = TM_CELL_FAILED};
    if (tm_graph_write(graph, &bytes, &error) != TM_OK) {
        snprintf(outcome.reason, sizeof outcome.reason, "%s", error.message);
    } else if (bytes.length > TM_WIRE_CAP / 2) {
        snprintf(outcome.reason, sizeof outcome.reason, "the graph is too large for a frame");
    } else {
        const tm_request request = {
            .type = TM_MESSAGE_COMPILE, .graph = bytes.data, .graph_bytes = (uint32_t)bytes.length, .slots = slots};
        tm_answer answer;
        outcome = ask(worker, &request, compile_timeout_s, &answer);
        worker->slots = slots;
        if (outcome.status == TM_CELL_OK) *declared = answer.declared;
    }
    tm_text_free(&bytes);
    return outcome;
}

tm_outcome tm_worker_bind(tm_worker *worker, int32_t slot, int32_t input, size_t offset, size_t bytes)
{
    const tm_request request = {
        .type = TM_MESSAGE_BIND, .slot = slot, .input = input, .offset = offset, .bytes = bytes};
    tm_answer answer;
    return ask(worker, &request, copy_timeout(bytes), &answer);
}

tm_outcome tm_worker_unbind(tm_worker *worker)
{
    const tm_request request = {.type = TM_MESSAGE_UNBIND};
    tm_answer answer;
    return ask(worker, &request, least_timeout_s, &answer);
}

tm_outcome tm_worker_call(tm_worker *worker, int32_t slot, double timeout_s, double *call_ns)
{
    *call_ns = NAN;
    const tm_request request = {.type = TM_MESSAGE_CALL, .slot = slot};
    tm_answer answer;
    tm_outcome outcome = ask(worker, &request, timeout_s, &answer);
    outcome = checked(worker, outcome, tm_answer_check_call(&answer, worker->sent_ns, worker->received_ns));
    if (outcome.status == TM_CELL_OK) *call_ns = (double)(answer.stop_ns - answer.start_ns);
    return outcome;
}

tm_outcome tm_worker_read(tm_worker *worker, size_t bytes)
{
    if (!tm_shared_outputs(worker->shared, bytes)) {
        return (tm_outcome){.status = TM_CELL_OOM, .reason = "no shared memory for the output"};
    }
    const tm_request request = {.type = TM_MESSAGE_READ, .bytes = bytes};
    tm_answer answer;
    return ask(worker, &request, copy_timeout(bytes), &answer);
}

tm_outcome tm_worker_hash_output(tm_worker *worker, size_t bytes, tm_hash128 *hash)
{
    const tm_request request = {.type = TM_MESSAGE_HASH_OUTPUT, .bytes = bytes};
    tm_answer answer;
    const tm_outcome outcome = ask(worker, &request, copy_timeout(bytes), &answer);
    *hash = answer.hash;
    return outcome;
}

tm_outcome tm_worker_hash_input(tm_worker *worker, int32_t slot, int32_t input, size_t bytes, tm_hash128 *hash,
                                bool *known)
{
    const tm_request request = {.type = TM_MESSAGE_HASH_INPUT, .slot = slot, .input = input, .bytes = bytes};
    tm_answer answer;
    const tm_outcome outcome = ask(worker, &request, copy_timeout(bytes), &answer);
    *hash = answer.hash;
    *known = outcome.status == TM_CELL_OK && answer.known;
    return outcome;
}

tm_outcome tm_worker_calibrate(tm_worker *worker, const tm_calibration_setup *setup, double timeout_s,
                               tm_calibration *into)
{
    memset(into, 0, sizeof *into);
    const tm_request request = {.type = TM_MESSAGE_CALIBRATE,
                                .first_call_ns = setup->first_call_ns,
                                .gpu = setup->gpu,
                                .linearity = setup->linearity,
                                .hold_slot = setup->hold_slot};
    tm_answer answer;
    tm_outcome outcome = ask(worker, &request, timeout_s, &answer);
    outcome = checked(worker, outcome, tm_answer_check_calibration(&answer, worker->sent_ns, worker->received_ns));
    if (outcome.status == TM_CELL_OK) *into = answer.calibration;
    return outcome;
}

tm_outcome tm_worker_rewrite(tm_worker *worker, size_t set_offset, size_t set_bytes, double call_ns, double timeout_s,
                             tm_rewriting *into)
{
    const tm_request request = {
        .type = TM_MESSAGE_REWRITE, .offset = set_offset, .bytes = set_bytes, .call_ns = call_ns};
    tm_answer answer;
    tm_outcome outcome = ask(worker, &request, timeout_s, &answer);
    outcome = checked(worker, outcome, tm_answer_check_rewriting(&answer, worker->sent_ns, worker->received_ns));
    *into = answer.rewriting;
    return outcome;
}

tm_outcome tm_worker_visit(tm_worker *worker, int64_t batch, const tm_visit_rule *rule, size_t output_bytes,
                           double timeout_s, tm_visit_result *into)
{
    into->samples = 0;
    into->disturbed = NULL;
    const tm_request request = {.type = TM_MESSAGE_VISIT,
                                .batch = batch,
                                .rule = *rule,
                                .bytes = output_bytes,
                                .capacity = into->capacity,
                                .slope = into->slope,
                                .hold_slot = into->hold_slot};
    tm_answer answer;
    tm_outcome outcome = ask(worker, &request, timeout_s + copy_timeout(output_bytes), &answer);
    if (outcome.status != TM_CELL_OK) return outcome;
    outcome =
        checked(worker, outcome,
                tm_answer_take_visit(&answer, &request, worker->slots, worker->sent_ns, worker->received_ns, into));
    if (outcome.status != TM_CELL_OK) {
        into->samples = 0;
        return outcome;
    }
    into->disturbed = tm_noise_judge(answer.before, answer.after, into->end_ns - into->start_ns, worker->threads);
    return outcome;
}

bool tm_worker_reset_peak(tm_worker *worker)
{
    return tm_resident_reset(worker->process.pid);
}

tm_outcome tm_worker_memory(tm_worker *worker, uint64_t *host_bytes, uint64_t *device_bytes)
{
    const tm_request request = {.type = TM_MESSAGE_MEMORY};
    tm_answer answer;
    const tm_outcome outcome = ask(worker, &request, least_timeout_s, &answer);
    const bool told = outcome.lost || answer.host_bytes > 0;
    *host_bytes = told ? answer.host_bytes : tm_resident_peak(worker->process.pid);
    *device_bytes = answer.device_bytes;
    return outcome;
}
