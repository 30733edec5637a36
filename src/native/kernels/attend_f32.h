/* Attention of the queries of one head, in two steps with the softmax between them. Template, see gemm_f32.h, which
 * also needs ATTEND_QUERIES (2 to 4), ATTEND_KEYS and BLENDS (queries and vectors of each tile).
 *
 * scores: dot products of ATTEND_QUERIES x ATTEND_KEYS rows at a time, lanes along the head size; blocks of which no
 * pair is visible are left out. blend: a tile of R queries x N vectors of the result stays in registers while the keys
 * run; a query leaves the tile where its visible keys end, so the value of an invisible key is never touched. Both
 * fetch what comes next, some lines with each step of their inner loops: memory stays busy while this core computes. */
#include "native/kernels/kernels.h"

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

/* Lines fetched with each step: in the scores the values of this head, in the blend keys and queries of the next, twice
 * as much in about as many steps. A prefetch that finds the queue to memory full seems to be lost, so no step asks for
 * much more than memory brings meanwhile; what is left of a range in the end is loaded. */
enum { LINE = 16, SCORE_LINES = 1, BLEND_LINES = W == 16 ? 2 : 1 };

/* The next `lines` lines to fetch, or NULL. */
static const float *next_ahead(tm_attend *s, int64_t lines)
{
    for (int i = 0; i < 2; i++) {
        const float *at = s->ahead[i];
        if (at >= s->ahead_end[i]) continue;
        s->ahead[i] = at + lines * LINE;
        return at;
    }
    return NULL;
}

static void load_ahead(tm_attend *s)
{
    for (int i = 0; i < 2; i++) {
        for (; s->ahead[i] < s->ahead_end[i]; s->ahead[i] += LINE) (void)*(const volatile float *)s->ahead[i];
    }
}

/* Scores of R queries and ATTEND_KEYS keys; behind the first `keys` of them the first is repeated, and not stored. */
INLINE void score_block(tm_attend *s, int64_t query, int64_t key, int64_t keys, const int R)
{
    V sum[4][ATTEND_KEYS];
    const float *a[4], *b[ATTEND_KEYS];
    UNROLL for (int i = 0; i < R; i++) a[i] = s->q + (query + i) * s->size;
    UNROLL for (int j = 0; j < ATTEND_KEYS; j++) b[j] = s->k + (key + (j < keys ? j : 0)) * s->size;
    UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < ATTEND_KEYS; j++) sum[i][j] = lanes_set1(0.0f);
    const int64_t whole = s->size - s->size % W;
    const float *ahead = next_ahead(s, s->size / W * SCORE_LINES);
    const int64_t stride = ahead ? SCORE_LINES * LINE : 0;
    if (!ahead) ahead = s->q;
    for (int64_t p = 0; p < whole; p += W, ahead += stride) {
        V x[4];
        UNROLL for (int i = 0; i < SCORE_LINES; i++) __builtin_prefetch(ahead + i * LINE, 0, 3);
        UNROLL for (int i = 0; i < R; i++) x[i] = lanes_load(a[i] + p);
        UNROLL for (int j = 0; j < ATTEND_KEYS; j++)
        {
            const V y = lanes_load(b[j] + p);
            UNROLL for (int i = 0; i < R; i++) sum[i][j] = lanes_fma(x[i], y, sum[i][j]);
        }
    }
    if (whole < s->size) {
        const tm_mask_lanes mask = lanes_mask(s->size - whole);
        UNROLL for (int j = 0; j < ATTEND_KEYS; j++)
        {
            const V y = lanes_load_part(b[j] + whole, mask);
            UNROLL for (int i = 0; i < R; i++) sum[i][j] = lanes_fma(lanes_load_part(a[i] + whole, mask), y, sum[i][j]);
        }
    }
    UNROLL for (int i = 0; i < R; i++)
    {
        float *to = s->weights + (query + i) * s->pitch + key;
        UNROLL for (int j = 0; j < ATTEND_KEYS; j++)
        {
            if (j < keys) to[j] = lanes_sum(sum[i][j]) * s->scale;
        }
    }
}

static void scores(tm_attend *s)
{
    const int64_t most = s->queries > 0 ? s->visible[s->queries - 1] : 0;
    for (int64_t key = 0; key < most; key += ATTEND_KEYS) {
        const int64_t keys = most - key < ATTEND_KEYS ? most - key : ATTEND_KEYS;
        for (int64_t query = 0; query < s->queries; query += ATTEND_QUERIES) {
            const int64_t left = s->queries - query, rows = left < ATTEND_QUERIES ? left : ATTEND_QUERIES;
            if (s->visible[query + rows - 1] <= key) continue;
            switch (rows) {
            case 1: score_block(s, query, key, keys, 1); break;
            case 2: score_block(s, query, key, keys, 2); break;
            case 3: score_block(s, query, key, keys, 3); break;
            default: score_block(s, query, key, keys, ATTEND_QUERIES); break;
            }
        }
    }
    load_ahead(s);
}

INLINE void blend_block(tm_attend *s, int64_t query, int64_t column, const int R, const int N, const bool partial,
                        tm_mask_lanes mask)
{
    V sum[8][8];
    UNROLL for (int i = 0; i < R; i++) UNROLL for (int n = 0; n < N; n++) sum[i][n] = lanes_set1(0.0f);
    const int64_t pitch = s->pitch, row = s->value_size;
    const int64_t *visible = s->visible + query;
    const float *v = s->v + column, *weight = s->weights + query * pitch;
    const float *ahead = next_ahead(s, visible[R - 1] * BLEND_LINES);
    const int64_t stride = ahead ? BLEND_LINES * LINE : 0;
    if (!ahead) ahead = weight;
    int64_t p = 0;
    UNROLL for (int from = 0; from < R; from++) /* the queries that still see keys */
    {
        for (; p < visible[from]; p++, v += row, ahead += stride) {
            V x[8];
            UNROLL for (int i = 0; i < BLEND_LINES; i++) __builtin_prefetch(ahead + i * LINE, 0, 3);
            UNROLL for (int n = 0; n < N; n++) x[n] =
                partial && n == N - 1 ? lanes_load_part(v + n * W, mask) : lanes_load(v + n * W);
            UNROLL for (int i = from; i < R; i++)
            {
                const V y = lanes_set1(weight[i * pitch + p]);
                UNROLL for (int n = 0; n < N; n++) sum[i][n] = lanes_fma(y, x[n], sum[i][n]);
            }
        }
    }
    float *to = s->y + query * row + column;
    const bool stream = s->stream && !partial && ((uintptr_t)to | (uintptr_t)row * 4) % (W * sizeof(float)) == 0;
    UNROLL for (int i = 0; i < R; i++)
    {
        UNROLL for (int n = 0; n < N; n++)
        {
            if (partial && n == N - 1) {
                lanes_store_part(to + i * row + n * W, sum[i][n], mask);
            } else if (stream) {
                lanes_stream(to + i * row + n * W, sum[i][n]);
            } else {
                lanes_store(to + i * row + n * W, sum[i][n]);
            }
        }
    }
}

/* R queries and as many columns as a tile has; returns how many. */
INLINE int64_t blend_tile(tm_attend *s, int64_t query, int64_t column, const int R, const int N)
{
    const int64_t left = s->value_size - column;
    if (left >= N * W) {
        blend_block(s, query, column, R, N, false, lanes_mask(0));
        return N * W;
    }
    if (N > 4 && left >= 4 * W) {
        blend_block(s, query, column, R, 4, false, lanes_mask(0));
        return 4 * W;
    }
    if (N > 2 && left >= 2 * W) {
        blend_block(s, query, column, R, 2, false, lanes_mask(0));
        return 2 * W;
    }
    if (left >= W) {
        blend_block(s, query, column, R, 1, false, lanes_mask(0));
        return W;
    }
    blend_block(s, query, column, R, 1, true, lanes_mask(left));
    return left;
}

#define BLEND(R, N)                                                                                                    \
    static int64_t blend_##R(tm_attend *s, int64_t query, int64_t column)                                              \
    {                                                                                                                  \
        return blend_tile(s, query, column, R, N);                                                                     \
    }
BLENDS(BLEND)
#undef BLEND

static void blend(tm_attend *s)
{
    typedef int64_t (*tile)(tm_attend *, int64_t, int64_t);
#define BLEND(R, N) blend_##R,
    static const tile tiles[] = {BLENDS(BLEND)};
#undef BLEND
    const int64_t most = (int64_t)(sizeof tiles / sizeof tiles[0]);
    const int64_t whole = s->queries / most * most;
    for (int64_t column = 0, columns = 0; whole > 0 && column < s->value_size; column += columns) {
        for (int64_t query = 0; query < whole; query += most) columns = tiles[most - 1](s, query, column);
    }
    for (int64_t column = 0; whole < s->queries && column < s->value_size;)
        column += tiles[s->queries - whole - 1](s, whole, column);
    load_ahead(s);
}

static void scale(const float *x, float *y, int64_t n, float factor)
{
    const V by = lanes_set1(factor), zero = lanes_set1(-0.0f);
    int64_t i = 0;
    for (; i + W <= n; i += W) lanes_store(y + i, lanes_fma(lanes_load(x + i), by, zero));
    for (; i < n; i++) y[i] = x[i] * factor;
}

const tm_attend_kernels NAME(tm_attend_f32) = {.scores = scores, .blend = blend, .scale = scale};
