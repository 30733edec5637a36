/* Products C = A B [+ bias] out of the strip and dot kernels.
 *
 * The contraction is cut into blocks of `kc`, so that a tile's rows of A stay in the first-level cache and partial sums
 * stay short (accuracy). B is used where it lies if few rows use it or it is no wider than a tile; otherwise each block
 * is packed into panels once: all of it by all members, or, for a little more than a tile of rows, a piece at a time by
 * the member that uses it. A is used where it lies, unless rows that are a multiple of the page apart would fall on one
 * cache set: then blocks of rows are copied, and what will be copied next is fetched meanwhile.
 *
 * Work is divided in one of three ways:
 * - shared: one product at a time, of which each member takes rows, or columns, of C;
 * - batched: each member takes whole products;
 * - split: the contraction is divided into a number of parts that follows from the shape alone, each with a C of its
 *   own; these are added in order, so that the result does not depend on the number of threads. */
#include "native/gemm.h"

#include <string.h>

enum { BATCH, M, N, K, WAY, PARTS, KC, PACK, COPY, TILE, BY_COLUMNS, PRIVATE };
enum { SHARED, BATCHED, SPLIT };
enum { BLOCK_TILES = 8, L2_FLOATS = 96 * 1024, ROW_PAD = 16, DOT_BLOCK = 8192 };
enum { LINE = 16, PACK_PANELS = 8, PACK_AHEAD = 8, WIDE = 1024, LARGE = 64 << 20 };

typedef struct product {
    const tm_gemm_kernels *gemm;
    const float *a, *b, *bias;
    float *c;
    int64_t n, k;         /* strides of B and C, and of A */
    int64_t begin, count; /* the block of the contraction */
    int32_t tile;         /* rows */
    bool accumulate, stream;
    const float *packed; /* the block of B, or NULL */
    float *copy;         /* where to copy blocks of A, or NULL */
    const float *next_a; /* what of A follows the last row, if not another row */
    const float *next_b; /* the block of B in place that follows */
} product;

/* Rows [begin, end) times columns [first, last). */
typedef struct block {
    const float *a; /* the first row */
    int64_t a_row, begin, end, first, last;
    const float *soon; /* rows of A, the product's k apart, that will be copied next; or NULL */
    int64_t soon_begin, soon_end;
} block;

/* One step's run. */
typedef struct call {
    const tm_step *step;
    const tm_frame *frame;
    product product;
    float *pack, *copy, *partial;
} call;

static int64_t up(int64_t x, int64_t to)
{
    return (x + to - 1) / to * to;
}
static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Panels side by side are filled together, so that rows of B are read in long pieces. */
void tm_gemm_pack(const float *b, int64_t row, int64_t k, int64_t columns, int32_t nr, float *packed)
{
    const int64_t whole = columns / nr * nr;
    for (int64_t j = 0; j < whole; j += PACK_PANELS * nr) {
        const int64_t end = least(j + PACK_PANELS * nr, whole);
        for (int64_t p = 0; p < k; p++) {
            const float *from = b + p * row;
            for (int64_t i = j; i < end; i += LINE) __builtin_prefetch(from + PACK_AHEAD * row + i);
            for (int64_t panel = j; panel < end; panel += nr) {
                float *to = packed + panel * k + p * nr;
                for (int32_t i = 0; i < nr; i += 4) memcpy(to + i, from + panel + i, 4 * sizeof *b);
            }
        }
    }
    if (whole == columns) return;
    const size_t width = (size_t)(columns - whole);
    for (int64_t p = 0; p < k; p++) {
        float *to = packed + whole * k + p * nr;
        memcpy(to, b + p * row + whole, width * sizeof *b);
        memset(to + width, 0, ((size_t)nr - width) * sizeof *b);
    }
}

/* The one column of C: rows of A against B, which is contiguous. */
static void multiply_column(const product *p, int64_t begin, int64_t end)
{
    for (int64_t done = 0; done == 0 || done < p->count; done += DOT_BLOCK) {
        const int64_t count = least(DOT_BLOCK, p->count - done);
        const tm_gemm_dot dot = {.a = p->a + begin * p->k + p->begin + done,
                                 .a_row = p->k,
                                 .b = p->b + p->begin + done,
                                 .b_row = 0,
                                 .segments = 1,
                                 .k = count,
                                 .c = p->c + begin,
                                 .c_row = 1,
                                 .rows = end - begin,
                                 .columns = 1,
                                 .bias = done == 0 ? p->bias : NULL,
                                 .scale = 1.0f,
                                 .accumulate = p->accumulate || done > 0};
        p->gemm->dot(&dot);
    }
}

/* Lines [begin, end) of the rows that will be copied next, into the cache. */
static void fetch_soon(const product *p, const float *soon, int64_t begin, int64_t end)
{
    if (begin == end) return;
    const int64_t lines = (p->count + LINE - 1) / LINE;
    int64_t row = begin / lines, line = begin % lines;
    for (int64_t i = begin; i < end; i++, line++) {
        if (line == lines) line = 0, row++;
        __builtin_prefetch(soon + row * p->k + line * LINE, 0, 2);
    }
}

/* One strip of C per tile of rows. */
static void multiply_tiles(const product *p, const block *at)
{
    const int64_t rows = at->end - at->begin, tiles = (rows + p->tile - 1) / p->tile, first = at->first;
    const int64_t soon = at->soon_end - at->soon_begin;
    const int32_t nr = p->gemm->nr;
    tm_gemm_strip strip = {.a_row = at->a_row,
                           .a_step = 1,
                           .segments = 1,
                           .k = p->count,
                           .b = p->packed ? p->packed + first * p->count : p->b + p->begin * p->n + first,
                           .b_row = p->packed ? nr : p->n,
                           .b_panel = p->packed ? p->count * nr : 0,
                           .c_row = p->n,
                           .columns = at->last - first,
                           .bias = p->bias ? p->bias + first : NULL,
                           .accumulate = p->accumulate,
                           .stream = p->stream};
    /* An empty contraction has panels of no size, which kernels would take for B in place. */
    if (p->count == 0) strip.b_panel = 0;
    for (int64_t t = 0; t < tiles; t++) {
        const int64_t from = rows * t / tiles;
        strip.rows = (int32_t)(rows * (t + 1) / tiles - from);
        strip.a = at->a + from * at->a_row;
        strip.c = p->c + (at->begin + from) * p->n + first;
        if (first == 0 && !p->copy)
            strip.ahead = p->next_a && t + 1 == tiles ? p->next_a : strip.a + strip.rows * at->a_row;
        if (at->soon)
            fetch_soon(p, at->soon, at->soon_begin + soon * t / tiles, at->soon_begin + soon * (t + 1) / tiles);
        if (p->next_b && at->begin == 0) {
            strip.more = p->next_b + p->count * p->n * t / tiles;
            strip.more_step = (p->n + tiles - 1) / tiles;
        }
        p->gemm->strip(&strip);
    }
}

/* Columns of packed B that the second-level cache holds beside the rest. */
static int64_t group_of(const product *p)
{
    const int64_t nr = p->gemm->nr, depth = p->count > 0 ? p->count : 1;
    return L2_FLOATS / depth > nr ? L2_FLOATS / depth / nr * nr : nr;
}

/* Rows [begin, end) and columns [first, last) of C; `first` is a multiple of nr if B is packed. */
static void multiply(const product *p, int64_t begin, int64_t end, int64_t first, int64_t last)
{
    if (p->n == 1) {
        multiply_column(p, begin, end);
        return;
    }
    const int64_t columns = p->packed ? group_of(p) : last - first, most = (int64_t)p->tile * BLOCK_TILES;
    const int64_t lines = (p->count + LINE - 1) / LINE;
    for (int64_t row = begin; row < end; row += most) {
        block at = {.a = p->a + row * p->k + p->begin, .a_row = p->k, .begin = row, .end = least(row + most, end)};
        int64_t soon = 0; /* lines */
        if (p->copy) {
            at.a_row = p->count + ROW_PAD;
            for (int64_t i = 0; i < at.end - row; i++)
                memcpy(p->copy + i * at.a_row, at.a + i * p->k, (size_t)p->count * sizeof *p->a);
            if (at.end < end) at.soon = at.a + most * p->k, soon = (least(at.end + most, end) - at.end) * lines;
            at.a = p->copy;
        }
        for (int64_t j = first; j < last; j += columns) {
            at.first = j, at.last = least(j + columns, last);
            at.soon_begin = soon * (j - first) / (last - first);
            at.soon_end = soon * (at.last - first) / (last - first);
            multiply_tiles(p, &at);
        }
    }
}

/* All rows: of B as much is packed at a time as the second-level cache holds, by the member that uses it. */
static void multiply_packing(const product *p, float *pack, int64_t rows, int64_t first, int64_t last)
{
    const int64_t group = group_of(p);
    for (int64_t j = first; j < last; j += group) {
        const int64_t width = least(group, last - j);
        product part = *p;
        tm_gemm_pack(p->b + p->begin * p->n + j, p->n, p->count, width, p->gemm->nr, pack);
        part.packed = pack;
        part.c += j;
        if (part.bias) part.bias += j;
        multiply(&part, 0, rows, 0, width);
    }
}

/* The parts of scratch that are a member's own. */
static void own(const call *run, int32_t member, product *p, float **pack)
{
    const int64_t *size = run->step->size;
    const int64_t pack_floats = size[PACK], copy_floats = size[COPY];
    *pack = size[PRIVATE] ? run->pack + member * pack_floats : run->pack;
    p->copy = copy_floats > 0 ? run->copy + member * copy_floats : NULL;
}

static void set_block(product *p, int64_t begin, int64_t end, int64_t kc, int64_t from)
{
    p->begin = begin;
    p->count = least(kc, end - begin);
    p->accumulate = begin > from;
    if (begin > from) p->bias = NULL;
}

static void pack_body(void *context, int32_t member, int32_t members)
{
    const call *run = context;
    const product *p = &run->product;
    const int32_t nr = p->gemm->nr;
    int64_t first, last;
    tm_share(p->n, nr, member, members, &first, &last);
    tm_gemm_pack(p->b + p->begin * p->n + first, p->n, p->count, last - first, nr, run->pack + first * p->count);
}

static void shared_body(void *context, int32_t member, int32_t members)
{
    const call *run = context;
    const int64_t *size = run->step->size;
    product p = run->product;
    float *pack;
    own(run, member, &p, &pack);
    int64_t begin = 0, end = size[M], first = 0, last = size[N];
    if (size[BY_COLUMNS]) {
        tm_share(size[N], 4 * p.gemm->nr, member, members, &first, &last);
    } else {
        tm_share(size[M], p.n == 1 ? 1 : p.tile, member, members, &begin, &end);
    }
    if (begin >= end || first >= last) return;
    if (size[PRIVATE]) {
        multiply_packing(&p, pack, size[M], first, last);
    } else {
        multiply(&p, begin, end, first, last);
    }
}

static void run_shared(call *run)
{
    const tm_step *step = run->step;
    const int64_t *size = step->size;
    const tm_shape *a = &step->shape[step->node.operand[0]], *b = &step->shape[step->node.operand[1]];
    const product whole = run->product;
    for (int64_t i = 0; i < size[BATCH]; i++) {
        product *p = &run->product;
        *p = whole;
        if (size[BATCH] > 1) {
            p->a += tm_matmul_batch_a(a, b, i) * size[M] * size[K];
            p->b += tm_matmul_batch_b(a, b, i) * size[K] * size[N];
        }
        p->c += i * size[M] * size[N];
        for (int64_t begin = 0; begin == 0 || begin < size[K]; begin += size[KC]) {
            set_block(p, begin, size[K], size[KC], 0);
            p->packed = size[PACK] > 0 && !size[PRIVATE] ? run->pack : NULL;
            if (p->packed) tm_pool_run(run->frame->pool, step->members, pack_body, run);
            tm_pool_run(run->frame->pool, step->members, shared_body, run);
        }
    }
}

/* One whole product, or one part of the contraction, on one member. */
static void multiply_alone(const call *run, product *p, float *pack, int64_t begin, int64_t end)
{
    const int64_t *size = run->step->size;
    for (int64_t at = begin; at == begin || at < end; at += size[KC]) {
        set_block(p, at, end, size[KC], begin);
        if (size[PACK] > 0) {
            tm_gemm_pack(p->b + at * p->n, p->n, p->count, p->n, p->gemm->nr, pack);
            p->packed = pack;
        }
        const int64_t after = at + p->count;
        p->next_a = after < size[K] ? p->a + after : p->a + size[M] * size[K];
        p->next_b = p->packed || p->n > p->gemm->nr ? NULL : p->b + after * p->n;
        multiply(p, 0, size[M], 0, size[N]);
    }
}

static void batched_body(void *context, int32_t member, int32_t members)
{
    const call *run = context;
    const tm_step *step = run->step;
    const int64_t *size = step->size;
    const tm_shape *a = &step->shape[step->node.operand[0]], *b = &step->shape[step->node.operand[1]];
    int64_t begin, end;
    tm_share(size[BATCH], 1, member, members, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        product p = run->product;
        float *pack;
        own(run, member, &p, &pack);
        p.a += tm_matmul_batch_a(a, b, i) * size[M] * size[K];
        p.b += tm_matmul_batch_b(a, b, i) * size[K] * size[N];
        p.c += i * size[M] * size[N];
        multiply_alone(run, &p, pack, 0, size[K]);
    }
}

static void split_body(void *context, int32_t member, int32_t members)
{
    const call *run = context;
    const int64_t *size = run->step->size;
    int64_t begin, end;
    tm_share(size[PARTS], 1, member, members, &begin, &end);
    for (int64_t part = begin; part < end; part++) {
        product p = run->product;
        float *pack;
        own(run, member, &p, &pack);
        p.c = run->partial + part * size[M] * size[N];
        p.bias = NULL;
        p.stream = false;
        multiply_alone(run, &p, pack, size[K] * part / size[PARTS], size[K] * (part + 1) / size[PARTS]);
    }
}

/* Adds the parts in order. */
static void run_split(call *run)
{
    const int64_t *size = run->step->size;
    const int64_t m = size[M], n = size[N];
    tm_pool_run(run->frame->pool, run->step->members, split_body, run);
    float *c = run->product.c;
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) c[i * n + j] = run->product.bias ? run->product.bias[j] : 0.0f;
    }
    for (int64_t part = 0; part < size[PARTS]; part++)
        run->frame->kernels->add_row_f32(c, run->partial + part * m * n, m * n);
}

static void run_gemm(const tm_step *step, const tm_frame *frame)
{
    const int64_t *size = step->size;
    if (size[BATCH] == 0 || size[M] == 0 || size[N] == 0) return;
    const int64_t owners = size[PRIVATE] ? step->members : 1;
    call run = {.step = step, .frame = frame};
    run.pack = frame->scratch;
    run.copy = run.pack + owners * size[PACK];
    run.partial = run.copy + step->members * size[COPY];
    run.product = (product){.gemm = &frame->kernels->gemm_f32,
                            .a = tm_step_input(step, frame, 0),
                            .b = tm_step_input(step, frame, 1),
                            .bias = step->node.operands > 2 ? tm_step_input(step, frame, 2) : NULL,
                            .c = tm_step_result(step, frame),
                            .n = size[N],
                            .k = size[K],
                            .tile = (int32_t)size[TILE],
                            .stream = step->stream};
    if (size[WAY] == SHARED) {
        run_shared(&run);
    } else if (size[WAY] == BATCHED) {
        tm_pool_run(frame->pool, step->members, batched_body, &run);
    } else {
        run_split(&run);
    }
}

/* Every batch of the first operand in order against the one matrix of the second: one tall product. */
static void collapse(const tm_step *step, tm_matmul_view *view)
{
    const tm_shape *a = &step->shape[step->node.operand[0]], *b = &step->shape[step->node.operand[1]];
    int64_t in_a = 1, in_b = 1;
    for (int32_t d = 0; d + 2 < a->rank; d++) in_a *= a->dim[d];
    for (int32_t d = 0; d + 2 < b->rank; d++) in_b *= b->dim[d];
    if (view->batch <= 1 || in_b != 1 || in_a != view->batch) return;
    view->m *= view->batch;
    view->batch = 1;
}

/* More rows than a tile of a large product, but too few for packing all of B, which is wide, first. */
static bool some_rows(const int64_t *size, const tm_gemm_kernels *gemm)
{
    return size[BATCH] == 1 && size[M] > gemm->mr && size[M] < 4 * (int64_t)gemm->mr && size[N] >= WIDE &&
           size[K] >= LARGE / (size[M] * size[N]);
}

static void choose_way(tm_step *step, const tm_gemm_kernels *gemm)
{
    int64_t *size = step->size;
    const int64_t m = size[M], n = size[N], k = size[K], wider = m > n ? m : n;
    if (size[BATCH] > 1 && (size[BATCH] >= 2 * step->members || step->members == 1)) {
        size[WAY] = BATCHED;
    } else if (size[BATCH] == 1 && k >= 2048 && m * n <= 32768 && k >= 8 * wider && (m < 64 || n >= 8)) {
        size[WAY] = SPLIT;
        size[PARTS] = least(16, k / 1024);
    } else {
        size[WAY] = SHARED;
        size[BY_COLUMNS] = n > m && (m < (int64_t)step->members * gemm->mr || some_rows(size, gemm));
    }
    size[PRIVATE] = size[WAY] != SHARED || some_rows(size, gemm);
}

tm_status tm_gemm_plan(const tm_planner *planner, tm_step *step, tm_matmul_view view, bool bias, tm_error *error)
{
    (void)error;
    const tm_gemm_kernels *gemm = &planner->kernels->gemm_f32;
    int64_t *size = step->size;
    if (!bias) collapse(step, &view);
    size[BATCH] = view.batch, size[M] = view.m, size[N] = view.n, size[K] = view.k;
    const double b = (double)view.batch, m = (double)view.m, n = (double)view.n, k = (double)view.k;
    step->members = tm_pool_members_for(planner->pool, 4 * b * (m * k + k * n + m * n), 2 * b * m * n * k);
    step->run = run_gemm;
    choose_way(step, gemm);

    const bool large = 4 * b * m * n > planner->llc_bytes / 2;
    const bool some = size[WAY] == SHARED && some_rows(size, gemm);
    const int64_t most = view.n == 1 ? INT64_MAX / 2 : some ? 256 : large || view.n <= gemm->nr ? 1024 : 640;
    const int64_t part = size[WAY] == SPLIT ? (view.k + size[PARTS] - 1) / size[PARTS] : view.k;
    const int64_t blocks = part > 0 ? (part - 1) / most + 1 : 1;
    size[KC] = part > 0 ? up((part + blocks - 1) / blocks, 8) : 8;
    step->stream = large && size[KC] >= view.k && size[WAY] != SPLIT;

    const bool pack = view.n > gemm->nr && view.m >= 4 * (int64_t)gemm->mr;
    const bool clash = view.k > 0 && view.k * 4 % 4096 == 0;
    if (pack) size[PACK] = up(size[KC] * up(view.n, gemm->nr), 16);
    if (some) size[PACK] = up(L2_FLOATS > size[KC] * gemm->nr ? L2_FLOATS : size[KC] * gemm->nr, 16);
    size[TILE] = gemm->mr;
    if (pack && view.n >= 4 * (int64_t)gemm->nr && (clash || blocks > 1)) {
        size[COPY] = up((int64_t)gemm->mr * BLOCK_TILES * (size[KC] + ROW_PAD), 16);
    } else if (clash && gemm->mr > 10) {
        size[TILE] = 10; /* rows on one set of a 12-way first-level cache, and room for B */
    }
    const int64_t owners = size[PRIVATE] ? step->members : 1;
    const int64_t partial = size[WAY] == SPLIT ? size[PARTS] * view.m * view.n : 0;
    step->scratch_bytes = (size_t)(owners * size[PACK] + step->members * size[COPY] + partial) * sizeof(float);
    TM_USE(planner, step, gemm_f32);
    if (size[WAY] == SPLIT) TM_USE(planner, step, add_row_f32);
    return TM_OK;
}
