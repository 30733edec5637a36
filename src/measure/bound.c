/* The limit is what a good program can reach, and divides by the time to give the efficiency. The floor is what no
 * correct program can beat, so everything in it errs to the fast side: each cache level serves its whole capacity
 * first. */
#include "measure/limits.h"

#include <math.h>

/* 1 GB/s is a byte a nanosecond, 1 GFLOP/s an operation a nanosecond. No work takes no time at any rate. */
static double time_of(double amount, double rate)
{
    if (amount <= 0) return 0;
    return rate > 0 ? amount / rate : NAN;
}

static double larger(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : fmax(a, b);
}

static double stream_time(const tm_limits *limits, double bytes, bool read_only)
{
    const double memory = read_only ? limits->read_gbs : fmax(limits->read_gbs, limits->copy_gbs);
    const double llc = read_only ? limits->llc_gbs : fmax(limits->llc_gbs, limits->llc_copy_gbs);
    const double size[] = {limits->l1_bytes, limits->l2_bytes, limits->llc_bytes};
    /* A level cannot be slower than the one behind it; a measurement that says so was disturbed. */
    const double third = fmax(llc, memory), second = fmax(limits->l2_gbs, third);
    const double rate[] = {fmax(limits->l1_gbs, second), second, third};
    double time = 0, left = bytes;
    for (int level = 0; level < 3 && left > 0; level++) {
        const double share = fmin(left, fmax(size[level], 0));
        time += time_of(share, rate[level]);
        left -= share;
    }
    return time + time_of(left, memory);
}

/* Raises the time to that of another thing that takes its own, and says what it was. */
static void bind(tm_bound *bound, double time, const char *basis)
{
    if (time > bound->limit_ns || isnan(time)) bound->basis = basis;
    bound->limit_ns = larger(bound->limit_ns, time);
}

/* Copying moves both ways at once, so that each direction has a limit of its own: what is read alone, what is written
 * alone. A part that half of the last level holds may stay there. */
static void bind_directions(const tm_limits *limits, const tm_load *load, tm_bound *bound)
{
    const double held = limits->llc_bytes / 2, read = load->bytes - load->written;
    if (read > held && limits->read_gbs > 0) bind(bound, read / limits->read_gbs, "memory-read");
    if (load->written > held && limits->write_gbs > 0) bind(bound, load->written / limits->write_gbs, "memory-write");
}

tm_bound tm_bound_of(const tm_limits *limits, const tm_load *load)
{
    const bool read_only = load->read_only;
    const double llc = read_only ? limits->llc_gbs : limits->llc_copy_gbs;
    const bool fits = load->bytes <= limits->llc_bytes / 2 && llc > 0;
    const double memory = read_only ? limits->read_gbs : limits->copy_gbs;
    const char *mover = fits ? (read_only ? "llc-read" : "llc-copy") : (read_only ? "memory-read" : "memory-copy");
    tm_bound bound = {.limit_ns = time_of(load->bytes, fits ? llc : memory), .basis = mover};
    if (!read_only) bind_directions(limits, load, &bound);
    bind(&bound, time_of(load->flop, limits->f32_gflops), "flop");
    bound.floor_ns =
        larger(time_of(load->floor_flop, limits->f32_gflops), stream_time(limits, load->floor_bytes, read_only));
    return bound;
}

/* The nearest of those that are the same placement; -1 when there is none. */
static int32_t find_placed(const tm_limits *limits, double core_to_core_ns)
{
    int32_t nearest = -1;
    double least = INFINITY;
    for (int32_t i = 0; i < limits->placed_count; i++) {
        const double apart = fabs(log(limits->placed[i].core_to_core_ns / core_to_core_ns));
        if (!tm_same_placement(limits->placed[i].core_to_core_ns, core_to_core_ns) || !(apart < least)) continue;
        nearest = i;
        least = apart;
    }
    return nearest;
}

/* The time from core to core is the first one met: what later ones are told by. */
static void add_placed(tm_limits *into, const tm_placed_limits *more)
{
    const int32_t at = find_placed(into, more->core_to_core_ns);
    if (at < 0) {
        if (into->placed_count < TM_MOST_PLACEMENTS) into->placed[into->placed_count++] = *more;
        return;
    }
    tm_placed_limits *known = &into->placed[at];
    known->turns += more->turns;
    known->read_gbs = fmax(known->read_gbs, more->read_gbs);
    known->copy_gbs = fmax(known->copy_gbs, more->copy_gbs);
    known->write_gbs = fmax(known->write_gbs, more->write_gbs);
    known->llc_gbs = fmax(known->llc_gbs, more->llc_gbs);
    known->llc_copy_gbs = fmax(known->llc_copy_gbs, more->llc_copy_gbs);
}

const tm_placed_limits *tm_limits_placed(const tm_limits *limits, double core_to_core_ns)
{
    /* The best of fewer turns may be a disturbed one. */
    static const int64_t least_turns = 10;
    const bool known = isfinite(core_to_core_ns) && core_to_core_ns > 0;
    const int32_t at = known ? find_placed(limits, core_to_core_ns) : -1;
    return at >= 0 && limits->placed[at].turns >= least_turns ? &limits->placed[at] : NULL;
}

tm_limits tm_limits_in(const tm_limits *limits, double core_to_core_ns)
{
    tm_limits there = *limits;
    const tm_placed_limits *placed = tm_limits_placed(limits, core_to_core_ns);
    if (!placed) return there;
    there.read_gbs = placed->read_gbs;
    there.copy_gbs = placed->copy_gbs;
    there.write_gbs = placed->write_gbs;
    there.llc_gbs = placed->llc_gbs;
    there.llc_copy_gbs = placed->llc_copy_gbs;
    return there;
}

tm_limits tm_limits_best(const tm_limits *a, const tm_limits *b)
{
    tm_limits best = {.threads = a->threads > b->threads ? a->threads : b->threads,
                      .read_gbs = fmax(a->read_gbs, b->read_gbs),
                      .copy_gbs = fmax(a->copy_gbs, b->copy_gbs),
                      .write_gbs = fmax(a->write_gbs, b->write_gbs),
                      .l1_gbs = fmax(a->l1_gbs, b->l1_gbs),
                      .l2_gbs = fmax(a->l2_gbs, b->l2_gbs),
                      .llc_gbs = fmax(a->llc_gbs, b->llc_gbs),
                      .llc_copy_gbs = fmax(a->llc_copy_gbs, b->llc_copy_gbs),
                      .f32_gflops = fmax(a->f32_gflops, b->f32_gflops),
                      .bf16_gflops = fmax(a->bf16_gflops, b->bf16_gflops),
                      .i8_gops = fmax(a->i8_gops, b->i8_gops),
                      .l1_bytes = fmax(a->l1_bytes, b->l1_bytes),
                      .l2_bytes = fmax(a->l2_bytes, b->l2_bytes),
                      .llc_bytes = fmax(a->llc_bytes, b->llc_bytes),
                      .spread = fmin(a->spread, b->spread),
                      .waited = fmin(a->waited, b->waited)};
    for (int32_t i = 0; i < a->placed_count; i++) add_placed(&best, &a->placed[i]);
    for (int32_t i = 0; i < b->placed_count; i++) add_placed(&best, &b->placed[i]);
    return best;
}
