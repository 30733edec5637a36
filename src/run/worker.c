/* The worker process: one backend, one session, at most one program; reads a request, does it, answers, until the
 * parent closes the socket. It trusts the parent but never the backend's table: missing entries are looked for before
 * they are called. Messages and statuses go back as the backend gave them. */
#include "run/worker.h"
#include "base/dtype.h"
#include "native/native.h"
#include "run/sandbox.h"
#include "run/worker_proof.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Copies the table as far as it goes: entries that an older backend does not know stay NULL. */
static tm_status adopt(tm_worker_side *side, const tm_backend *table, tm_error *error)
{
    const size_t least = offsetof(tm_backend, name) + sizeof table->name;
    if (!table) return tm_fail(error, TM_FAILED, "tensormark_backend() returned nothing");
    if (table->size < least) return tm_fail(error, TM_FAILED, "the backend's table is too short");
    if (table->abi != TM_BACKEND_ABI) {
        return tm_fail(error, TM_FAILED, "the backend speaks interface version %u, this program %d", table->abi,
                       TM_BACKEND_ABI);
    }
    memset(&side->backend, 0, sizeof side->backend);
    memcpy(&side->backend, table, table->size < sizeof side->backend ? table->size : sizeof side->backend);
    const tm_backend *b = &side->backend;
    if (!b->probe || !b->open || !b->close) return tm_fail(error, TM_FAILED, "the backend cannot be opened");
    const bool graphs = b->supports && b->compile && b->bind && b->unbind && b->run && b->sync && b->read && b->discard;
    if (!graphs && !(b->flags & TM_WHOLE_MODEL)) {
        return tm_fail(error, TM_FAILED, "the backend's table lacks functions that every backend has");
    }
    side->graphs = graphs;
    return TM_OK;
}

static tm_status load(tm_worker_side *side, const tm_request *request, tm_answer *answer, tm_error *error)
{
    if (!request->library[0]) return adopt(side, tm_native_backend(), error);
    tm_sandbox_enter(request->scratch, request->network, answer->sandbox, sizeof answer->sandbox);
    void *library = dlopen(request->library, RTLD_NOW | RTLD_LOCAL);
    if (!library) return tm_fail(error, TM_FAILED, "%s", dlerror());
    const tm_backend *(*entry)(void);
    void *symbol = dlsym(library, "tensormark_backend");
    if (!symbol) return tm_fail(error, TM_FAILED, "%s: no function tensormark_backend", request->library);
    memcpy(&entry, &symbol, sizeof entry);
    return adopt(side, entry(), error);
}

static void terminate(tm_device_info *info)
{
    info->framework[sizeof info->framework - 1] = '\0';
    info->device[sizeof info->device - 1] = '\0';
    info->library[sizeof info->library - 1] = '\0';
}

static tm_status do_open(tm_worker_side *side, const tm_request *request, tm_answer *answer, tm_error *error)
{
    if (side->session) return tm_fail(error, TM_INVALID_ARGUMENT, "the backend is open already");
    tm_status status = load(side, request, answer, error);
    if (status != TM_OK) return status;
    snprintf(answer->devices, sizeof answer->devices, "%s", side->backend.devices ? side->backend.devices : "");
    if ((side->backend.flags & TM_NEEDS_NETWORK) && !request->network && request->library[0]) {
        answer->needs_network = true;
        return TM_OK;
    }
    side->timed.delay_percent = request->delay_percent;
    side->threads = request->threads;
    status = side->backend.probe(request->device, request->location, &answer->info, error);
    terminate(&answer->info);
    if (status != TM_OK || request->probe_only) return status;
    status = side->backend.open(request->device, request->location, request->options, request->threads, tm_graph_host(),
                                &side->session, error);
    if (status == TM_OK && !side->session) return tm_fail(error, TM_FAILED, "open gave no session");
    if (status == TM_OK && side->backend.describe) side->backend.describe(side->session, &answer->info);
    terminate(&answer->info);
    return status;
}

static void drop_program(tm_worker_side *side)
{
    if (side->timed.program) side->backend.discard(side->timed.program);
    side->timed.program = NULL;
    tm_graph_free(side->graph);
    side->graph = NULL;
}

static size_t output_bytes(const tm_worker_side *side)
{
    return side->graph->outputs > 0 ? tm_shape_bytes(&side->graph->shape[side->graph->output[0]]) : 0;
}

static tm_status do_compile(tm_worker_side *side, const tm_request *request, tm_answer *answer, tm_error *error)
{
    if (!side->session) return tm_fail(error, TM_INVALID_ARGUMENT, "nothing is open");
    if (!side->graphs) return tm_fail(error, TM_UNSUPPORTED, "this backend runs whole models only");
    if (request->slots < 1) return tm_fail(error, TM_INVALID_ARGUMENT, "%d slots", (int)request->slots);
    drop_program(side);
    tm_status status = tm_graph_read(request->graph, request->graph_bytes, &side->graph, error);
    if (status == TM_OK) status = side->backend.supports(side->session, side->graph, error);
    tm_program *program = NULL;
    if (status == TM_OK) status = side->backend.compile(side->session, side->graph, request->slots, &program, error);
    if (status == TM_OK && !program) status = tm_fail(error, TM_FAILED, "compile gave no program");
    if (status != TM_OK) {
        drop_program(side);
        return status;
    }
    side->timed = (tm_timed){.backend = &side->backend,
                             .session = side->session,
                             .program = program,
                             .slots = request->slots,
                             .output_bytes = output_bytes(side),
                             .delay_percent = side->timed.delay_percent};
    if (side->backend.declared) side->backend.declared(program, &answer->declared);
    answer->declared.labels[sizeof answer->declared.labels - 1] = '\0';
    return TM_OK;
}

/* The pages of [at, at + bytes) are looked up ahead of their use, many at a time. */
static void populate(char *at, size_t bytes, int protection)
{
#ifdef MADV_POPULATE_READ
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), skipped = (uintptr_t)at % page;
    (void)madvise(at - skipped, bytes + skipped, protection & PROT_WRITE ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
#else
    (void)at;
    (void)bytes;
    (void)protection;
#endif
}

/* Bytes [offset, offset + bytes) of a shared file, which reaches that far. */
static void *view_of(tm_view *view, int file, uint64_t offset, size_t bytes, int protection)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), end = ((size_t)offset + bytes + page - 1) / page * page;
    if (end > view->bytes) {
        if (view->base) munmap(view->base, view->bytes);
        *view = (tm_view){0};
        void *base = mmap(NULL, end, protection, MAP_SHARED, file, 0);
        if (base == MAP_FAILED) return NULL;
        *view = (tm_view){base, end};
    }
    return (char *)view->base + offset;
}

static tm_status do_bind(tm_worker_side *side, const tm_request *request, tm_answer *answer, tm_error *error)
{
    (void)answer;
    if (request->slot < 0 || request->slot >= side->timed.slots) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "there is no slot %d", (int)request->slot);
    }
    if (request->bytes == 0) { /* told all the same, so that it knows the input to be complete */
        return side->backend.bind(side->timed.program, request->slot, request->input, 0, "", 0, error);
    }
    const char *data = view_of(&side->inputs, TM_WORKER_INPUTS, request->offset, (size_t)request->bytes, PROT_READ);
    if (!data) return tm_fail_memory(error, "a view of the inputs");
    populate((char *)(uintptr_t)data, (size_t)request->bytes, PROT_READ);
    tm_status status = TM_OK;
    for (uint64_t done = 0; done < request->bytes && status == TM_OK; done += TM_SHARED_PIECE) {
        const uint64_t left = request->bytes - done;
        const size_t piece = left < TM_SHARED_PIECE ? (size_t)left : TM_SHARED_PIECE;
        status = side->backend.bind(side->timed.program, request->slot, request->input, (size_t)done, data + done,
                                    piece, error);
    }
    return status;
}

static tm_status do_unbind(tm_worker_side *side, const tm_request *request, tm_answer *answer, tm_error *error)
{
    (void)request;
    (void)answer;
    (void)error;
    side->backend.unbind(side->timed.program);
    return TM_OK;
}

static tm_status do_call(tm_worker_side *side, const tm_request *request, tm_answer *answer, tm_error *error)
{
    if (request->slot < 0 || request->slot >= side->timed.slots) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "there is no slot %d", (int)request->slot);
    }
    tm_proof_poison(&side->timed);
    side->timed.next_slot = request->slot;
    return tm_timed_call(&side->timed, &answer->start_ns, &answer->stop_ns, error);
}

static tm_status check_output_size(const tm_worker_side *side, uint64_t bytes, tm_error *error)
{
    if (bytes == output_bytes(side)) return TM_OK;
    return tm_fail(error, TM_INVALID_ARGUMENT, "the output has %zu bytes, not %llu", output_bytes(side),
                   (unsigned long long)bytes);
}

/* A tensor on its way out of the backend, piece by piece: into memory at hand, or into a digest. */
typedef struct piece_job {
    tm_worker_side *side;
    const tm_request *request;
    int32_t input;    /* -1: output 0 */
    char *into;       /* the tensor's place, NULL when only the digest is wanted */
    tm_hash128 *hash; /* per piece, when `into` is NULL */
    pthread_mutex_t lock;
    tm_status status; /* of the first that failed */
    tm_error *error;
} piece_job;

static void piece_failed(piece_job *job, tm_status status, const tm_error *error)
{
    pthread_mutex_lock(&job->lock);
    if (job->status == TM_OK) {
        job->status = status;
        *job->error = *error;
    }
    pthread_mutex_unlock(&job->lock);
}

static void take_piece(piece_job *job, int64_t index, char *scratch)
{
    const tm_backend *backend = &job->side->backend;
    const size_t offset = (size_t)index * TM_HASH_CHUNK, left = (size_t)job->request->bytes - offset;
    const size_t bytes = left < TM_HASH_CHUNK ? left : TM_HASH_CHUNK;
    char *into = job->into ? job->into + offset : scratch;
    if (job->into) populate(into, bytes, PROT_READ | PROT_WRITE);
    tm_error error = {{0}};
    const tm_status status = job->input < 0 ? backend->read(job->side->timed.program, 0, offset, bytes, into, &error)
                                            : backend->read_input(job->side->timed.program, job->request->slot,
                                                                  job->input, offset, bytes, into, &error);
    if (!job->into) job->hash[index] = tm_hash128_bytes(into, bytes);
    if (status != TM_OK) piece_failed(job, status, &error);
}

static void take_pieces(void *context, int64_t begin, int64_t end)
{
    piece_job *job = context;
    char *scratch = job->into ? NULL : malloc(TM_HASH_CHUNK);
    if (!job->into && !scratch) {
        tm_error error;
        piece_failed(job, tm_fail_memory(&error, "a piece of a tensor"), &error);
        return;
    }
    for (int64_t i = begin; i < end; i++) take_piece(job, i, scratch);
    free(scratch);
}

static void take_later(void *context, int64_t begin, int64_t end)
{
    take_pieces(context, begin + 1, end + 1);
}

/* The first piece alone: the backend may have to prepare the rest. */
static tm_status take_all(piece_job *job)
{
    enum { grain = 16 };
    const int64_t pieces = (int64_t)((job->request->bytes + TM_HASH_CHUNK - 1) / TM_HASH_CHUNK);
    const bool parallel = job->side->backend.flags & TM_PARALLEL_READ;
    pthread_mutex_init(&job->lock, NULL);
    take_pieces(job, 0, 1);
    if (job->status == TM_OK && pieces > 1) {
        tm_parallel_for_on(job->side->affinity, pieces - 1, grain, parallel ? job->side->threads : 1, take_later, job);
    }
    pthread_mutex_destroy(&job->lock);
    return job->status;
}

static tm_status do_read(tm_worker_side *side, const tm_request *request, tm_answer *answer, tm_error *error)
{
    (void)answer;
    const tm_status status = check_output_size(side, request->bytes, error);
    if (status != TM_OK || request->bytes == 0) return status;
    char *into = view_of(&side->outputs, TM_WORKER_OUTPUTS, 0, (size_t)request->bytes, PROT_READ | PROT_WRITE);
    if (!into) return tm_fail_memory(error, "a view of the outputs");
    piece_job job = {.side = side, .request = request, .input = -1, .into = into, .error = error};
    return take_all(&job);
}

/* Digest of output 0 (`input` -1) or of an input of a slot. */
static tm_status digest(tm_worker_side *side, const tm_request *request, int32_t input, tm_hash128 *hash,
                        tm_error *error)
{
    *hash = (tm_hash128){0, 0};
    if (request->bytes == 0) return TM_OK;
    const size_t pieces = ((size_t)request->bytes + TM_HASH_CHUNK - 1) / TM_HASH_CHUNK;
    piece_job job = {.side = side, .request = request, .input = input, .error = error};
    job.hash = malloc(pieces * sizeof *job.hash);
    if (!job.hash) return tm_fail_memory(error, "the digests of a tensor's pieces");
    const tm_status status = take_all(&job);
    for (size_t i = 0; i < pieces && status == TM_OK; i++) *hash = tm_chunk_hash_join(*hash, job.hash[i]);
    free(job.hash);
    return status;
}

/* Of what is in memory now, not of what reading has kept: sync drops that. */
static tm_status do_hash_output(tm_worker_side *side, const tm_request *request, tm_answer *answer, tm_error *error)
{
    tm_status status = check_output_size(side, request->bytes, error);
    if (status == TM_OK) status = side->backend.sync(side->session, error);
    answer->known = true;
    return status == TM_OK ? digest(side, request, -1, &answer->hash, error) : status;
}

static tm_status do_hash_input(tm_worker_side *side, const tm_request *request, tm_answer *answer, tm_error *error)
{
    if (request->slot < 0 || request->slot >= side->timed.slots || request->input < 0 ||
        request->input >= side->graph->inputs) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "there is no input %d of slot %d", (int)request->input,
                       (int)request->slot);
    }
    if (!side->backend.read_input) return TM_OK;
    const tm_status status = digest(side, request, request->input, &answer->hash, error);
    answer->known = status == TM_OK;
    return status == TM_UNSUPPORTED ? TM_OK : status;
}

static tm_status do_calibrate(tm_worker_side *side, const tm_request *request, tm_answer *answer, tm_error *error)
{
    return tm_timed_calibrate(&side->timed, request, &answer->calibration, error);
}

static tm_status do_visit(tm_worker_side *side, const tm_request *request, tm_answer *answer, tm_error *error)
{
    tm_status status = check_output_size(side, request->bytes, error);
    if (status == TM_OK && (request->batch < 1 || request->capacity < 1)) {
        status = tm_fail(error, TM_INVALID_ARGUMENT, "a visit needs a batch and room for samples");
    }
    if (status == TM_OK) status = tm_timed_visit(&side->timed, request, &side->stamps, answer, error);
    if (status == TM_OK) status = digest(side, request, -1, &answer->hash, error);
    return status == TM_OK ? tm_proof_look_again(&side->timed, &answer->late, error) : status;
}

static tm_status do_rewrite(tm_worker_side *side, const tm_request *request, tm_answer *answer, tm_error *error)
{
    const uint64_t bytes = 2 * request->bytes;
    if (bytes == 0) return tm_fail(error, TM_INVALID_ARGUMENT, "there are no inputs to write anew");
    const char *sets = view_of(&side->inputs, TM_WORKER_INPUTS, request->offset, (size_t)bytes, PROT_READ);
    if (!sets) return tm_fail_memory(error, "a view of the inputs");
    tm_status status = tm_proof_rewrite(&side->timed, side->graph, sets, request, &answer->rewriting, error);
    const tm_request output = {.bytes = side->timed.output_bytes};
    return status == TM_OK ? digest(side, &output, -1, &answer->rewriting.hash, error) : status;
}

static tm_status do_memory(tm_worker_side *side, const tm_request *request, tm_answer *answer, tm_error *error)
{
    (void)request;
    if (!side->session) return tm_fail(error, TM_INVALID_ARGUMENT, "nothing is open");
    if (!side->backend.memory) return TM_OK;
    return side->backend.memory(side->session, &answer->host_bytes, &answer->device_bytes, error);
}

static tm_status do_close(tm_worker_side *side, const tm_request *request, tm_answer *answer, tm_error *error)
{
    (void)request;
    (void)answer;
    (void)error;
    drop_program(side);
    if (side->session) side->backend.close(side->session);
    side->session = NULL;
    side->done = true;
    return TM_OK;
}

typedef tm_status (*handler)(tm_worker_side *side, const tm_request *request, tm_answer *answer, tm_error *error);

static const struct {
    handler run;
    bool needs_program;
} handlers[TM_MESSAGE_COUNT] = {
    [TM_MESSAGE_OPEN] = {do_open, false},
    [TM_MESSAGE_COMPILE] = {do_compile, false},
    [TM_MESSAGE_BIND] = {do_bind, true},
    [TM_MESSAGE_UNBIND] = {do_unbind, true},
    [TM_MESSAGE_CALL] = {do_call, true},
    [TM_MESSAGE_READ] = {do_read, true},
    [TM_MESSAGE_HASH_OUTPUT] = {do_hash_output, true},
    [TM_MESSAGE_HASH_INPUT] = {do_hash_input, true},
    [TM_MESSAGE_CALIBRATE] = {do_calibrate, true},
    [TM_MESSAGE_VISIT] = {do_visit, true},
    [TM_MESSAGE_MEMORY] = {do_memory, false},
    [TM_MESSAGE_CLOSE] = {do_close, false},
    [TM_MESSAGE_REWRITE] = {do_rewrite, true},
};

void tm_worker_do(tm_worker_side *side, const tm_request *request, tm_answer *answer)
{
    tm_error error = {{0}};
    memset(answer, 0, sizeof *answer);
    answer->type = request->type;
    if (handlers[request->type].needs_program && !side->timed.program) {
        answer->status = tm_fail(&error, TM_INVALID_ARGUMENT, "no graph is compiled");
    } else {
        answer->status = handlers[request->type].run(side, request, answer, &error);
    }
    error.message[sizeof error.message - 1] = '\0';
    if (answer->status < TM_OK || answer->status > TM_FAILED) {
        tm_fail(&error, TM_FAILED, "the backend returned %d, which is no status", (int)answer->status);
        answer->status = TM_FAILED;
    }
    if (answer->status != TM_OK) memcpy(answer->message, error.message, sizeof answer->message);
}

static bool receive_exactly(void *into, size_t count)
{
    for (size_t done = 0; done < count;) {
        const ssize_t got = recv(TM_WORKER_SOCKET, (char *)into + done, count - done, 0);
        if (got > 0) {
            done += (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

static bool send_exactly(const char *bytes, size_t count)
{
    for (size_t done = 0; done < count;) {
        const ssize_t sent = send(TM_WORKER_SOCKET, bytes + done, count - done, MSG_NOSIGNAL);
        if (sent >= 0) {
            done += (size_t)sent;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* One request and its answer. False: the parent is gone, or does not make sense. */
static bool serve_one(tm_worker_side *side)
{
    uint8_t header[TM_WIRE_HEADER];
    tm_wire_header frame;
    if (!receive_exactly(header, sizeof header) || tm_wire_read_header(header, &frame)) return false;
    if (frame.type & TM_WIRE_ANSWER) return false;
    uint8_t *payload = malloc(frame.length ? frame.length : 1);
    tm_request request;
    const bool good = payload && receive_exactly(payload, frame.length) && !tm_wire_check(header, payload) &&
                      tm_request_read((tm_message)frame.type, payload, frame.length, &request);
    bool sent = false;
    if (good) {
        tm_answer answer;
        tm_text fields = {0}, bytes = {0};
        tm_worker_do(side, &request, &answer);
        sent = tm_answer_write(&answer, &fields) &&
               tm_wire_frame(&bytes, (uint16_t)(frame.type | TM_WIRE_ANSWER), frame.sequence, fields.data,
                             fields.length) &&
               send_exactly(bytes.data, bytes.length);
        tm_text_free(&fields);
        tm_text_free(&bytes);
        tm_text_free(&side->stamps);
        side->stamps = (tm_text){0};
    }
    free(payload);
    return good && sent;
}

int tm_worker_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (int file = TM_WORKER_SOCKET; file <= TM_WORKER_OUTPUTS; file++) {
        if (fcntl(file, F_SETFD, FD_CLOEXEC) != 0) return 2; /* not started by a parent of ours */
    }
    tm_worker_side *side = calloc(1, sizeof *side);
    if (!side) return 3;
    side->affinity = tm_affinity_save();
    while (!side->done && serve_one(side)) {}
    const int status = side->done ? 0 : 2;
    free(side->affinity);
    free(side);
    return status;
}
