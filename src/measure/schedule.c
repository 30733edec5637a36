/* The order of visits is a function of seed, case, incarnation and round alone, so a run can be repeated and resumed.
 * The four are mixed by a 64-bit finaliser into the state of a counter-based generator, which drives a Fisher-Yates
 * shuffle. */
#include "measure/schedule.h"

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ (x >> 32);
}

static uint64_t next_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return mix(*state);
}

/* Uniform in 0..bound-1: draws from the incomplete last stretch of 2^64 are thrown away. */
static uint32_t draw_below(uint64_t *state, uint32_t bound)
{
    const uint64_t remainder = (UINT64_MAX % bound + 1) % bound;
    uint64_t value = next_random(state);
    while (value > UINT64_MAX - remainder) value = next_random(state);
    return (uint32_t)(value % bound);
}

tm_schedule tm_schedule_of(tm_mode mode)
{
    if (mode == TM_MODE_QUICK) return (tm_schedule){2, {3, 2}, 2};
    if (mode == TM_MODE_FULL) return (tm_schedule){3, {3, 3, 2}, 6};
    return (tm_schedule){2, {3, 2}, 6};
}

const char *tm_mode_name(tm_mode mode)
{
    return mode == TM_MODE_QUICK ? "quick" : mode == TM_MODE_FULL ? "full" : "default";
}

int32_t tm_rounds_for(const tm_schedule *schedule, double call_ns)
{
    return call_ns > 1e9 ? 1 : schedule->rounds;
}

void tm_visit_order(uint64_t seed, uint64_t case_hash, int32_t incarnation, int32_t round, int32_t count,
                    int32_t *order)
{
    uint64_t state = mix(seed + UINT64_C(0x9e3779b97f4a7c15));
    state = mix(state ^ case_hash);
    state = mix(state ^ ((uint64_t)(uint32_t)incarnation << 32 | (uint32_t)round));
    for (int32_t i = 0; i < count; i++) order[i] = i;
    for (int32_t i = count - 1; i > 0; i--) {
        const uint32_t j = draw_below(&state, (uint32_t)i + 1);
        const int32_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}
