/* Programs by shape. Their arenas stay placed, so what all of them hold together is bounded by tokens. */
#include "infer/plans.h"

#include "base/dtype.h"
#include "base/error.h"

enum { MOST_KEPT_TOKENS = 16384 };

tm_status tm_plans_open(const tm_backend *backend, const tm_encoder_config *config, const tm_weights *weights,
                        int32_t threads, tm_plans *into, tm_error *error)
{
    *into = (tm_plans){.backend = backend, .config = config, .weights = weights};
    return backend->open("cpu", "", "", threads, tm_graph_host(), &into->session, error);
}

static void give_up(tm_plans *plans, tm_shaped_program *shaped)
{
    if (shaped->program) plans->backend->discard(shaped->program);
    tm_graph_free(shaped->graph);
    *shaped = (tm_shaped_program){0};
}

void tm_plans_close(tm_plans *plans)
{
    if (!plans->session) return;
    for (int i = 0; i < TM_PLANS; i++) give_up(plans, &plans->shaped[i]);
    plans->backend->close(plans->session);
    plans->session = NULL;
}

static tm_status give_weights(const tm_plans *plans, tm_program *program, tm_error *error)
{
    const tm_backend *const backend = plans->backend;
    tm_status status = TM_OK;
    for (int32_t i = 0; i < plans->weights->count && status == TM_OK; i++) {
        const int32_t input = TM_ENCODER_FIRST_WEIGHT + i;
        const tm_encoder_input weight = tm_encoder_input_at(plans->config, i);
        const float *const data = plans->weights->data[i];
        status = backend->lend ? backend->lend(program, input, data, error)
                               : backend->bind(program, 0, input, 0, data, tm_shape_bytes(&weight.shape), error);
    }
    return status;
}

static tm_status make(tm_plans *plans, tm_shaped_program *into, tm_error *error)
{
    tm_status status = tm_encoder_graph(plans->config, into->batch, into->length, false, &into->graph, error);
    if (status == TM_OK) status = plans->backend->compile(plans->session, into->graph, 1, &into->program, error);
    if (status == TM_OK) status = give_weights(plans, into->program, error);
    if (status != TM_OK) give_up(plans, into);
    return status;
}

/* An empty place, once there is one and the others hold few enough tokens that `tokens` more may be kept. */
static tm_shaped_program *make_room(tm_plans *plans, int64_t tokens)
{
    for (;;) {
        tm_shaped_program *empty = NULL, *oldest = NULL;
        int64_t held = 0;
        for (int i = 0; i < TM_PLANS; i++) {
            tm_shaped_program *const shaped = &plans->shaped[i];
            held += shaped->batch * shaped->length;
            if (!shaped->used)
                empty = shaped;
            else if (!oldest || shaped->used < oldest->used)
                oldest = shaped;
        }
        if (empty && (!oldest || held + tokens <= MOST_KEPT_TOKENS)) return empty;
        give_up(plans, oldest);
    }
}

static tm_status find(tm_plans *plans, int64_t batch, int64_t length, tm_program **into, tm_error *error)
{
    plans->calls++;
    for (int i = 0; i < TM_PLANS; i++) {
        tm_shaped_program *const shaped = &plans->shaped[i];
        if (!shaped->used || shaped->batch != batch || shaped->length != length) continue;
        shaped->used = plans->calls;
        *into = shaped->program;
        return TM_OK;
    }
    tm_shaped_program *const shaped = make_room(plans, batch * length);
    *shaped = (tm_shaped_program){.batch = batch, .length = length};
    const tm_status status = make(plans, shaped, error);
    if (status != TM_OK) return status;
    shaped->used = plans->calls;
    *into = shaped->program;
    return TM_OK;
}

tm_status tm_plans_run(tm_plans *plans, int64_t batch, int64_t length, const int64_t *const inputs[3], float *into,
                       tm_error *error)
{
    const tm_backend *const backend = plans->backend;
    const size_t tokens = (size_t)(batch * length), bytes = tokens * (size_t)plans->config->hidden_size * sizeof *into;
    tm_program *program = NULL;
    tm_status status = find(plans, batch, length, &program, error);
    for (int32_t i = 0; i < TM_ENCODER_FIRST_WEIGHT && status == TM_OK; i++) {
        status = backend->bind(program, 0, i, 0, inputs[i], tokens * sizeof **inputs, error);
    }
    if (status == TM_OK) status = backend->run(program, 0, 1, error);
    if (status == TM_OK) status = backend->sync(plans->session, error);
    if (status == TM_OK) status = backend->read(program, 0, 0, bytes, into, error);
    return status;
}
