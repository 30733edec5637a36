/* Attention: ggml_flash_attn_ext with the mask that llama.cpp makes for it, in float16, 0 where a key is seen and -inf
 * where not. The result has the heads inside the tokens. */
#include "adapter_ggml.h"

#include <string.h>

enum { none, causal, causal_end, lengths };
enum { rows_pitch = 64 }; /* older versions want the rows of a mask rounded up to this */

void tm_ggml_fill_mask(const tm_session *session, const tm_graph *graph, const tm_ggml_form *form, uint16_t *mask)
{
    enum { minus_infinity = 0xfc00 };
    const tm_host *host = session->host;
    const tm_shape q = host->value_shape(graph, host->node_operand(graph, 0, 0));
    const int64_t keys = form->dim[1], queries = q.dim[q.rank - 2];
    const int64_t more = host->node_integer(graph, 0, "mask") == causal_end ? keys - queries : 0;
    memset(mask, 0, tm_ggml_form_bytes(form));
    for (int64_t row = 0; row < queries; row++) {
        for (int64_t key = row + more + 1; key < keys; key++) mask[row * keys + key] = minus_infinity;
    }
}

void tm_ggml_call_sdpa(tm_ggml_call *call)
{
    const tm_ggml_api *api = call->api;
    const tm_host *host = call->session->host;
    tm_ggml_form q = tm_ggml_operand_form(call, 0);
    const tm_ggml_form k = tm_ggml_operand_form(call, 1), v = tm_ggml_operand_form(call, 2);
    const float scale = (float)host->node_real(call->graph, 0, "scale");
    if (host->node_integer(call->graph, 0, "mask") == lengths) {
        tm_ggml_refuse(call, "sdpa: ggml_flash_attn_ext takes a mask and no lengths of keys");
        return;
    }
    q.held = TM_F32;
    if (k.held == TM_F16) call->declared.accumulator = TM_F16; /* it adds up values of this type in it */
    tensor mask = NULL;
    if (host->node_integer(call->graph, 0, "mask") != none) {
        mask =
            tm_ggml_hold_mask(call, k.dim[k.rank - 2], (q.dim[q.rank - 2] + rows_pitch - 1) / rows_pitch * rows_pitch);
    }
    if (q.dtype != TM_F32) tm_ggml_label(call, "Q=f32");
    const tensor y = api->ggml_flash_attn_ext(call->context, tm_ggml_hold(call, 0, &q), tm_ggml_hold(call, 1, &k),
                                              tm_ggml_hold(call, 2, &v), mask, scale, 0, 0);
    int32_t order[TM_MAX_RANK];
    for (int32_t i = 0; i < q.rank; i++) order[i] = i;
    if (q.rank > 2) {
        order[q.rank - 3] = q.rank - 2;
        order[q.rank - 2] = q.rank - 3;
        tm_ggml_label(call, "LAYOUT=heads-inside");
    }
    tm_ggml_gives(call, y, TM_F32, order);
}
