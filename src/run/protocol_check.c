/* Times that a worker reports are believed only if they fit between the parent's own stamps around the request: both
 * processes read the same monotonic clock. Comparisons are written so that a NaN fails them. */
#include "run/protocol.h"

#include <math.h>
#include <string.h>

static bool within(double value, double low, double high)
{
    return value >= low && value <= high;
}

const char *tm_answer_check_call(const tm_answer *answer, uint64_t sent_ns, uint64_t received_ns)
{
    if (answer->start_ns < sent_ns) return "a time before the request";
    if (answer->stop_ns > received_ns) return "a time in the future";
    return answer->stop_ns > answer->start_ns ? NULL : "a call that took no time";
}

const char *tm_answer_check_calibration(const tm_answer *answer, uint64_t sent_ns, uint64_t received_ns)
{
    const tm_calibration *c = &answer->calibration;
    const double span = (double)(received_ns - sent_ns);
    if (!within(c->timer.resolution_ns, 0.0, 1e9) || !within(c->timer.overhead_ns, 0.0, 1e9)) {
        return "an impossible timer";
    }
    if (!(c->call_ns > 0.0) || !isfinite(c->call_ns)) return "an impossible call time";
    if (c->batch < 1) return "a batch below 1";
    if (c->ratios < 0 || c->ratios > 9) return "more ratios than asked for";
    /* With ratios, at least 27 batches ran during the request; without, the estimate may be the earlier first call. */
    if (c->ratios == 9 && !(c->call_ns <= span)) return "a call longer than the request";
    for (int32_t i = 0; i < c->ratios; i++) {
        if (!(c->ratio[i] > 0.0) || !isfinite(c->ratio[i])) return "an impossible ratio";
    }
    const double others[] = {c->least_ratio, c->four_ratio, c->singly_ratio};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!within(others[i], 0.0, span + 1)) return "an impossible ratio";
    }
    return NULL;
}

const char *tm_answer_check_rewriting(const tm_answer *answer, uint64_t sent_ns, uint64_t received_ns)
{
    const tm_rewriting *r = &answer->rewriting;
    const double span = (double)(received_ns - sent_ns);
    if (r->pairs < 1 || r->pairs > 9) return "a number of pairs that was not asked for";
    double sum = 0.0;
    for (int32_t i = 0; i < r->pairs; i++) {
        if (!(r->same_ns[i] > 0.0) || !(r->new_ns[i] > 0.0)) return "an execution that took no time";
        sum += r->same_ns[i] + r->new_ns[i];
    }
    return sum <= span ? NULL : "executions longer than the request";
}

static uint64_t stamp_at(const tm_answer *answer, size_t index)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++) value |= (uint64_t)answer->stamps[8 * index + i] << (8 * i);
    return value;
}

/* Stamps must rise within the parent's span; `previous` carries the end of the sample before. */
static const char *check_sample(uint64_t start, uint64_t stop, uint64_t *previous, uint64_t received_ns)
{
    if (start < *previous) return "times that go back";
    if (stop > received_ns) return "a time in the future";
    if (stop <= start) return "a sample that took no time";
    *previous = stop;
    return NULL;
}

const char *tm_answer_take_visit(const tm_answer *answer, const tm_request *asked, int32_t slots, uint64_t sent_ns,
                                 uint64_t received_ns, tm_visit_result *into)
{
    const size_t batches = asked->slope ? 2 : 1, bytes = 16 * batches, samples = answer->stamp_bytes / bytes;
    if (answer->stamp_bytes % bytes != 0) return "half a sample";
    if (samples < 1 || samples > (size_t)asked->capacity) return "a number of samples that was not asked for";
    if (answer->last_slot < 0 || answer->last_slot >= slots) return "a slot that does not exist";
    if (answer->discarded != asked->rule.discard_first) return "a first sample that was not asked for";

    uint64_t previous = sent_ns;
    const char *wrong = NULL;
    into->first_ns = NAN;
    if (answer->discarded) {
        wrong = check_sample(answer->first_start_ns, answer->first_stop_ns, &previous, received_ns);
        if (wrong) return wrong;
        into->first_ns = (double)(answer->first_stop_ns - answer->first_start_ns) / (double)asked->batch;
    }
    into->samples = 0;
    for (size_t i = 0; i < samples; i++) {
        double once_ns = 0, last_ns = 0;
        for (size_t k = batches * i; k < batches * (i + 1); k++) {
            const uint64_t start = stamp_at(answer, 2 * k), stop = stamp_at(answer, 2 * k + 1);
            wrong = check_sample(start, stop, &previous, received_ns);
            if (wrong) return wrong;
            once_ns = last_ns;
            last_ns = (double)(stop - start);
        }
        /* Twice the work in less time: something else ran during the shorter batch, which is no slope. */
        if (last_ns > once_ns) into->sample_ns[into->samples++] = (last_ns - once_ns) / (double)asked->batch;
    }
    into->last_slot = answer->last_slot;
    into->late = answer->late;
    into->hash = answer->hash;
    into->start_ns = (double)stamp_at(answer, 0);
    into->end_ns = (double)previous;
    return NULL;
}
