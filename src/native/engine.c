/* The backend table of native:cpu. A session is a thread pool and an instruction set; a program is an own copy of the
 * host's graph, a plan for it, and a mark for every input set that was bound. Executions are finished when `run`
 * returns, so `sync` has nothing to wait for. */
#include "native/native.h"

#include "base/dtype.h"
#include "base/resident.h"
#include "native/import.h"
#include "native/isa.h"
#include "native/plan.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tm_session {
    const tm_host *host;
    tm_pool *pool;
    tm_isa isa;
    size_t offset;
    bool fuse;
    tm_arena spare;                   /* of the last program that was unbound */
    uint64_t arena_bytes, idle_bytes; /* of all programs together: in use, and kept beside that */
};

struct tm_program {
    tm_session *session;
    tm_graph *graph;
    tm_plan *plan;
    int32_t slots;
    bool placed;
    bool *bound;                 /* of slot * inputs + input */
    uint64_t uses[TM_ISA_COUNT]; /* kernel slots entered by one execution */
};

static tm_status check_device(const char *device, tm_error *error)
{
    if (device == NULL || device[0] == '\0' || strcmp(device, "cpu") == 0) return TM_OK;
    return tm_fail(error, TM_UNSUPPORTED, "native: no device %s; there is cpu", device);
}

static void cpu_name(char *into, size_t capacity)
{
    snprintf(into, capacity, "CPU");
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (file == NULL) return;
    char line[256];
    while (fgets(line, sizeof line, file) != NULL) {
        const char *colon = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (colon == NULL) continue;
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(into, capacity, "%.*s", (int)strcspn(colon, "\n"), colon);
        break;
    }
    fclose(file);
}

static tm_status engine_probe(const char *device, const char *location, tm_device_info *info, tm_error *error)
{
    (void)location;
    tm_status status = check_device(device, error);
    if (status != TM_OK) return status;
    tm_isa isa = TM_ISA_portable;
    status = tm_isa_choose(&isa, error);
    if (status != TM_OK) return status;
    *info = (tm_device_info){0};
    snprintf(info->framework, sizeof info->framework, "tensormark %s %s", tm_version(), tm_isa_name(isa));
    cpu_name(info->device, sizeof info->device);
    Dl_info self;
    if (dladdr(tm_native_backend(), &self) != 0 && self.dli_fname != NULL) {
        snprintf(info->library, sizeof info->library, "%s", self.dli_fname);
    }
    return TM_OK;
}

/* "isa=avx2" goes before TENSORMARK_ISA, so that sets can be compared within one run; "compile" fuses. */
static tm_status read_options(const char *options, tm_isa *isa, bool *fuse, tm_error *error)
{
    static const char prefix[] = "isa=";
    bool named = false;
    for (const char *at = options; at != NULL && *at != '\0';) {
        const int length = (int)strcspn(at, ",");
        if (strncmp(at, prefix, strlen(prefix)) == 0) {
            char name[32];
            snprintf(name, sizeof name, "%.*s", length - (int)strlen(prefix), at + strlen(prefix));
            const tm_status status = tm_isa_named(name, "native+isa=", isa, error);
            if (status != TM_OK) return status;
            named = true;
        } else if (length == 7 && strncmp(at, "compile", 7) == 0) {
            *fuse = true;
        } else {
            return tm_fail(error, TM_UNSUPPORTED, "native: no option %.*s", length, at);
        }
        at += length + (at[length] == ',');
    }
    return named ? TM_OK : tm_isa_choose(isa, error);
}

/* TENSORMARK_OFFSET shifts all buffers, so that incarnations of a worker differ in their cache sets. */
static tm_status read_offset(size_t *into, tm_error *error)
{
    const char *text = getenv("TENSORMARK_OFFSET");
    uint64_t offset = 0;
    if (text != NULL && text[0] != '\0' && (!tm_parse_u64(text, &offset) || offset > 4095 || offset % 64 != 0)) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "TENSORMARK_OFFSET=%s: not a multiple of 64 below 4096", text);
    }
    *into = (size_t)offset;
    return TM_OK;
}

static tm_status engine_open(const char *device, const char *location, const char *options, int32_t threads,
                             const tm_host *host, tm_session **into, tm_error *error)
{
    (void)location;
    *into = NULL;
    tm_status status = check_device(device, error);
    tm_isa isa = TM_ISA_portable;
    bool fuse = false;
    if (status == TM_OK) status = read_options(options, &isa, &fuse, error);
    if (status != TM_OK) return status;
    if (host == NULL || host->size < offsetof(tm_host, on_token)) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "native: the host offers too few graph accessors");
    }
    tm_session *session = calloc(1, sizeof *session);
    if (session == NULL) return tm_fail_memory(error, "a session");
    session->host = host;
    session->isa = isa;
    session->fuse = fuse;
    status = read_offset(&session->offset, error);
    if (status == TM_OK) status = tm_pool_new(threads, &session->pool, error);
    if (status != TM_OK) {
        free(session);
        return status;
    }
    *into = session;
    return TM_OK;
}

static void engine_describe(const tm_session *session, tm_device_info *info)
{
    snprintf(info->framework, sizeof info->framework, "tensormark %s %s", tm_version(), tm_isa_name(session->isa));
}

static tm_status engine_supports(tm_session *session, const tm_graph *foreign, tm_error *error)
{
    tm_graph *graph;
    const tm_status status = tm_graph_import(session->host, foreign, &graph, error);
    if (status == TM_OK) tm_graph_free(graph);
    return status;
}

static void release(tm_program *program)
{
    tm_session *session = program->session;
    if (program->placed) {
        session->arena_bytes -= tm_plan_bytes(program->plan);
        session->idle_bytes -= tm_plan_idle_bytes(program->plan);
    }
    program->placed = false;
    tm_plan_release(program->plan);
    memset(program->bound, 0, (size_t)program->slots * (size_t)program->graph->inputs * sizeof *program->bound);
}

/* Unbinding gives memory back to the system; discarding keeps it for the session's next program. */
static void engine_unbind(tm_program *program)
{
    release(program);
    tm_arena_free(&program->session->spare);
}

static void engine_discard(tm_program *program)
{
    if (program == NULL) return;
    if (program->plan != NULL) release(program);
    tm_plan_free(program->plan);
    tm_graph_free(program->graph);
    free(program->bound);
    free(program);
}

static tm_status engine_compile(tm_session *session, const tm_graph *foreign, int32_t slots, tm_program **into,
                                tm_error *error)
{
    *into = NULL;
    if (slots < 1) return tm_fail(error, TM_INVALID_ARGUMENT, "native: %d input sets; at least 1", (int)slots);
    tm_program *program = calloc(1, sizeof *program);
    if (program == NULL) return tm_fail_memory(error, "a program");
    program->session = session;
    program->slots = slots;
    tm_status status = tm_graph_import(session->host, foreign, &program->graph, error);
    if (status != TM_OK) goto done;
    program->bound = calloc((size_t)slots * (size_t)program->graph->inputs + 1, sizeof *program->bound);
    if (program->bound == NULL) {
        status = tm_fail_memory(error, "a program");
        goto done;
    }
    const tm_plan_options options = {.slots = slots, .offset = session->offset, .fuse = session->fuse};
    status = tm_plan_make(program->graph, tm_kernels_for(session->isa), session->pool, &options, &program->plan, error);
    if (status != TM_OK) goto done;
    tm_plan_uses(program->plan, program->uses);
    tm_plan_share_memory(program->plan, &session->spare);
done:
    if (status != TM_OK) {
        engine_discard(program);
        program = NULL;
    }
    *into = program;
    return status;
}

static void engine_declared(const tm_program *program, tm_declared *into)
{
    *into = (tm_declared){.rounds_between_ops = tm_plan_rounds_between_ops(program->plan) ? 1 : 0,
                          .flushes_denormals = tm_plan_flushes(program->plan) ? 1 : 0};
}

static tm_status place(tm_program *program, tm_error *error)
{
    if (program->placed) return TM_OK;
    const tm_status status = tm_plan_place(program->plan, error);
    if (status != TM_OK) return status;
    tm_session *session = program->session;
    program->placed = true;
    session->arena_bytes += tm_plan_bytes(program->plan);
    session->idle_bytes += tm_plan_idle_bytes(program->plan);
    return TM_OK;
}

/* Is [offset, offset + bytes) inside a tensor of that shape? */
static tm_status check_range(const char *what, int32_t index, const tm_shape *shape, size_t offset, size_t bytes,
                             tm_error *error)
{
    const size_t size = tm_shape_bytes(shape);
    if (offset <= size && bytes <= size - offset) return TM_OK;
    return tm_fail(error, TM_INVALID_ARGUMENT, "native: bytes %zu and %zu more of %s %d, which has %zu", offset, bytes,
                   what, (int)index, size);
}

static tm_status check_input(const tm_program *program, int32_t slot, int32_t input, size_t offset, size_t bytes,
                             tm_error *error)
{
    if (slot < 0 || slot >= program->slots) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "native: slot %d of %d", (int)slot, (int)program->slots);
    }
    if (input < 0 || input >= program->graph->inputs) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "native: input %d of %d", (int)input, (int)program->graph->inputs);
    }
    return check_range("input", input, &program->graph->shape[input], offset, bytes, error);
}

typedef struct copy_job {
    char *into;
    const char *from;
    size_t bytes;
} copy_job;

static void copy_share(void *context, int32_t member, int32_t members)
{
    const copy_job *job = context;
    int64_t begin, end;
    tm_share((int64_t)job->bytes, 4096, member, members, &begin, &end);
    memcpy(job->into + begin, job->from + begin, (size_t)(end - begin));
}

static tm_status engine_bind(tm_program *program, int32_t slot, int32_t input, size_t offset, const void *data,
                             size_t bytes, tm_error *error)
{
    tm_status status = check_input(program, slot, input, offset, bytes, error);
    if (status == TM_OK && tm_plan_lent(program->plan, input))
        status = tm_fail(error, TM_INVALID_ARGUMENT, "native: input %d is lent, it cannot be bound", (int)input);
    if (status == TM_OK) status = place(program, error);
    if (status != TM_OK) return status;
    copy_job job = {(char *)tm_plan_data(program->plan, slot, input) + offset, data, bytes};
    tm_pool *pool = program->session->pool;
    if (bytes > 0) tm_pool_run(pool, tm_pool_members_for(pool, 2.0 * (double)bytes, 0.0), copy_share, &job);
    program->bound[slot * program->graph->inputs + input] = true;
    return TM_OK;
}

static tm_status engine_lend(tm_program *program, int32_t input, const void *data, tm_error *error)
{
    const int32_t inputs = program->graph->inputs;
    const tm_status status = check_input(program, 0, input, 0, 0, error);
    if (status != TM_OK) return status;
    if (program->placed) return tm_fail(error, TM_INVALID_ARGUMENT, "native: input %d is lent too late", (int)input);
    if (data == NULL || (uintptr_t)data % 64 != 0) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "native: input %d is lent at no multiple of 64 bytes", (int)input);
    }
    tm_plan_lend(program->plan, input, data);
    for (int32_t slot = 0; slot < program->slots; slot++) program->bound[slot * inputs + input] = true;
    return TM_OK;
}

static tm_status engine_read_input(tm_program *program, int32_t slot, int32_t input, size_t offset, size_t bytes,
                                   void *into, tm_error *error)
{
    const tm_status status = check_input(program, slot, input, offset, bytes, error);
    if (status != TM_OK) return status;
    if (!program->placed) return tm_fail(error, TM_INVALID_ARGUMENT, "native: input %d is not bound", (int)input);
    if (bytes > 0) memcpy(into, (const char *)tm_plan_data(program->plan, slot, input) + offset, bytes);
    return TM_OK;
}

static tm_status engine_set_scalar(tm_program *program, const char *name, int64_t value, tm_error *error)
{
    (void)program;
    (void)value;
    return tm_fail(error, TM_UNSUPPORTED, "native: the graph has no run-time scalar %s", name);
}

static tm_status engine_reset_state(tm_program *program, tm_error *error)
{
    (void)program; /* no graph has state tensors yet */
    (void)error;
    return TM_OK;
}

/* Slots that the run will use must be bound; an input without bytes need not be. */
static tm_status check_bound(const tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    const int32_t used = count < program->slots ? (int32_t)count : program->slots, inputs = program->graph->inputs;
    for (int32_t i = 0; i < used; i++) {
        const int32_t slot = (first_slot + i) % program->slots;
        for (int32_t input = 0; input < inputs; input++) {
            if (program->bound[slot * inputs + input] || tm_shape_bytes(&program->graph->shape[input]) == 0) continue;
            return tm_fail(error, TM_INVALID_ARGUMENT, "native: input %d of slot %d is not bound", (int)input,
                           (int)slot);
        }
    }
    return TM_OK;
}

static tm_status engine_run(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    if (first_slot < 0 || first_slot >= program->slots || count < 0) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "native: %lld executions from slot %d of %d", (long long)count,
                       (int)first_slot, (int)program->slots);
    }
    tm_status status = check_bound(program, first_slot, count, error);
    if (status == TM_OK) status = place(program, error);
    if (status != TM_OK) return status;
    tm_plan_run(program->plan, first_slot, count);
    tm_isa_count(program->uses, (uint64_t)count);
    return TM_OK;
}

static tm_status engine_sync(tm_session *session, tm_error *error)
{
    (void)session;
    (void)error;
    return TM_OK;
}

static tm_status engine_read(tm_program *program, int32_t output, size_t offset, size_t bytes, void *into,
                             tm_error *error)
{
    if (output < 0 || output >= program->graph->outputs) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "native: output %d of %d", (int)output,
                       (int)program->graph->outputs);
    }
    const int32_t value = program->graph->output[output];
    const tm_status status = check_range("output", output, &program->graph->shape[value], offset, bytes, error);
    if (status != TM_OK) return status;
    if (!program->placed) return tm_fail(error, TM_INVALID_ARGUMENT, "native: nothing was executed");
    if (bytes > 0) memcpy(into, (const char *)tm_plan_data(program->plan, 0, value) + offset, bytes);
    return TM_OK;
}

/* The peak as the kernel counted it, less the pages that are only kept for a later program. */
static tm_status engine_memory(tm_session *session, uint64_t *host_bytes, uint64_t *device_bytes, tm_error *error)
{
    (void)error;
    const uint64_t peak = tm_resident_peak(0), kept = session->idle_bytes + session->spare.touched;
    const uint64_t resident = peak > kept ? peak - kept : 0;
    *host_bytes = resident > session->arena_bytes ? resident : session->arena_bytes;
    *device_bytes = 0;
    return TM_OK;
}

static void engine_close(tm_session *session)
{
    if (session == NULL) return;
    tm_arena_free(&session->spare);
    tm_pool_free(session->pool);
    free(session);
}

static void engine_poison(tm_program *program)
{
    tm_plan_poison(program->plan);
}

static const tm_backend table = {
    .size = sizeof(tm_backend),
    .abi = TM_BACKEND_ABI,
    .flags = TM_PARALLEL_READ,
    .name = "native",
    .devices = "cpu",
    .probe = engine_probe,
    .open = engine_open,
    .supports = engine_supports,
    .compile = engine_compile,
    .declared = engine_declared,
    .bind = engine_bind,
    .unbind = engine_unbind,
    .set_scalar = engine_set_scalar,
    .reset_state = engine_reset_state,
    .run = engine_run,
    .sync = engine_sync,
    .read = engine_read,
    .memory = engine_memory,
    .discard = engine_discard,
    .close = engine_close,
    .poison = engine_poison,
    .read_input = engine_read_input,
    .describe = engine_describe,
    .lend = engine_lend,
};

const tm_backend *tm_native_backend(void)
{
    return &table;
}
