/* Frames and messages survive the way; anything else is refused, and no claim about time is believed that the parent's
 * own clock contradicts. */
#include "run/protocol.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void frame_is_read_back(void **state)
{
    (void)state;
    tm_text frame = {0};
    tm_wire_header header;
    assert_true(tm_wire_frame(&frame, TM_MESSAGE_CALL | TM_WIRE_ANSWER, 7, "payload", 7));
    assert_int_equal(frame.length, TM_WIRE_HEADER + 7);
    assert_null(tm_wire_read_header((uint8_t *)frame.data, &header));
    assert_int_equal(header.type, TM_MESSAGE_CALL | TM_WIRE_ANSWER);
    assert_int_equal(header.sequence, 7);
    assert_int_equal(header.length, 7);
    assert_null(tm_wire_check((uint8_t *)frame.data, frame.data + TM_WIRE_HEADER));
    tm_text_free(&frame);
}

/* No single flipped bit goes through, wherever it is. */
static void every_flipped_bit_is_seen(void **state)
{
    (void)state;
    tm_text frame = {0};
    assert_true(tm_wire_frame(&frame, TM_MESSAGE_CALL, 1, "0123456789", 10));
    for (size_t bit = 0; bit < 8 * frame.length; bit++) {
        tm_wire_header header;
        frame.data[bit / 8] ^= (char)(1 << (bit % 8));
        const char *wrong = tm_wire_read_header((uint8_t *)frame.data, &header);
        if (!wrong && header.length == 10) wrong = tm_wire_check((uint8_t *)frame.data, frame.data + TM_WIRE_HEADER);
        if (!wrong) assert_int_not_equal(header.length, 10); /* then the stream waits for other bytes, or ends */
        frame.data[bit / 8] ^= (char)(1 << (bit % 8));
    }
    tm_text_free(&frame);
}

static void header_is_strict(void **state)
{
    (void)state;
    tm_text frame = {0};
    tm_wire_header header;
    assert_true(tm_wire_frame(&frame, TM_MESSAGE_CALL, 1, NULL, 0));
    uint8_t bytes[TM_WIRE_HEADER];
    const struct {
        size_t at;
        uint8_t value;
        const char *reason;
    } changes[] = {{0, 'X', "magic"}, {4, 9, "version"},  {6, 0, "type"}, {6, TM_MESSAGE_COUNT, "type"},
                   {15, 2, "16 MiB"}, {15, 255, "16 MiB"}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        memcpy(bytes, frame.data, sizeof bytes);
        bytes[changes[i].at] = changes[i].value;
        const char *wrong = tm_wire_read_header(bytes, &header);
        assert_non_null(wrong);
        assert_non_null(strstr(wrong, changes[i].reason));
    }
    tm_text_free(&frame);
    char *large = calloc(TM_WIRE_CAP + 1, 1);
    assert_true(tm_wire_frame(&frame, TM_MESSAGE_READ, 1, large, TM_WIRE_CAP));
    assert_null(tm_wire_read_header((uint8_t *)frame.data, &header));
    assert_false(tm_wire_frame(&frame, TM_MESSAGE_READ, 1, large, TM_WIRE_CAP + 1));
    tm_text_free(&frame);
    free(large);
}

/* Every field different from zero, so that one left out shows. */
static tm_request full_request(tm_message type)
{
    tm_request request = {.type = type,
                          .threads = 3,
                          .delay_percent = 8,
                          .probe_only = true,
                          .network = true,
                          .graph = "graph bytes",
                          .graph_bytes = 11,
                          .slots = 2,
                          .slot = 1,
                          .input = 4,
                          .offset = (uint64_t)1 << 40,
                          .bytes = 12345678901u,
                          .first_call_ns = 1.5,
                          .gpu = true,
                          .batch = 77,
                          .rule = {5, 6e7, true},
                          .capacity = 99,
                          .slope = true,
                          .hold_slot = true,
                          .call_ns = 2.5};
    memcpy(request.library, "/a/b.so", 8);
    memcpy(request.location, "http://x", 9);
    memcpy(request.device, "cpu", 4);
    memcpy(request.options, "tuned", 6);
    memcpy(request.scratch, "/tmp/x", 7);
    return request;
}

static void requests_survive(void **state)
{
    (void)state;
    for (int type = TM_MESSAGE_OPEN; type < TM_MESSAGE_COUNT; type++) {
        const tm_request sent = full_request((tm_message)type);
        tm_text bytes = {0}, again = {0};
        tm_request got;
        assert_true(tm_request_write(&sent, &bytes));
        assert_true(tm_request_read((tm_message)type, bytes.data, bytes.length, &got));
        assert_true(tm_request_write(&got, &again));
        assert_int_equal(again.length, bytes.length);
        if (bytes.length > 0) assert_memory_equal(again.data, bytes.data, bytes.length);
        /* One byte less or more is another message. */
        if (bytes.length > 0) assert_false(tm_request_read((tm_message)type, bytes.data, bytes.length - 1, &got));
        tm_text_add_bytes(&bytes, "", 1);
        assert_false(tm_request_read((tm_message)type, bytes.data, bytes.length, &got));
        tm_text_free(&bytes);
        tm_text_free(&again);
    }
    const tm_request visit = full_request(TM_MESSAGE_VISIT);
    tm_text bytes = {0};
    tm_request got;
    assert_true(tm_request_write(&visit, &bytes));
    assert_true(tm_request_read(TM_MESSAGE_VISIT, bytes.data, bytes.length, &got));
    assert_true(got.batch == 77 && got.rule.samples == 5 && got.rule.time_ns == 6e7 && got.rule.discard_first);
    assert_true(got.bytes == 12345678901u && got.capacity == 99 && got.slope && got.hold_slot);
    tm_text_free(&bytes);
}

static void answers_survive(void **state)
{
    (void)state;
    tm_answer sent = {.type = TM_MESSAGE_CALIBRATE, .status = TM_FAILED, .message = "why"};
    sent.calibration = (tm_calibration){.timer = {1.0, 20.0}, .call_ns = 1e3, .batch = 200, .ratios = 9};
    for (int i = 0; i < 9; i++) sent.calibration.ratio[i] = 2.0 + i;
    sent.calibration.least_ratio = 1.5;
    sent.calibration.four_ratio = 3.5;
    sent.calibration.singly_ratio = 1.25;
    tm_text bytes = {0};
    tm_answer got;
    assert_true(tm_answer_write(&sent, &bytes));
    assert_true(tm_answer_read(TM_MESSAGE_CALIBRATE, bytes.data, bytes.length, &got));
    assert_int_equal(got.status, TM_FAILED);
    assert_string_equal(got.message, "why");
    assert_memory_equal(&got.calibration, &sent.calibration, sizeof got.calibration);
    for (size_t length = 0; length < bytes.length; length++) {
        assert_false(tm_answer_read(TM_MESSAGE_CALIBRATE, bytes.data, length, &got));
    }
    bytes.data[0] = 7; /* no tm_status */
    assert_false(tm_answer_read(TM_MESSAGE_CALIBRATE, bytes.data, bytes.length, &got));
    tm_text_free(&bytes);
}

/* A text that claims to be longer than its field, or holds a zero byte. */
static void texts_stay_in_their_fields(void **state)
{
    (void)state;
    uint8_t bytes[700] = {0};
    tm_answer got;
    const size_t lengths[] = {511, 512, 600, 0xffffffffu};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memset(bytes + 8, 'x', sizeof bytes - 8);
        for (size_t b = 0; b < 4; b++) bytes[4 + b] = (uint8_t)(lengths[i] >> (8 * b));
        const size_t whole = 8 + (lengths[i] < 692 ? lengths[i] : 692);
        assert_int_equal(tm_answer_read(TM_MESSAGE_BIND, bytes, whole, &got), lengths[i] == 511);
    }
    memset(bytes, 0, sizeof bytes);
    bytes[4] = 3;
    assert_false(tm_answer_read(TM_MESSAGE_BIND, bytes, 11, &got));
}

static void calls_must_fit_the_clock(void **state)
{
    (void)state;
    tm_answer answer = {.type = TM_MESSAGE_CALL, .start_ns = 100, .stop_ns = 200};
    assert_null(tm_answer_check_call(&answer, 100, 200));
    assert_non_null(tm_answer_check_call(&answer, 101, 200));
    assert_non_null(tm_answer_check_call(&answer, 100, 199));
    answer.stop_ns = 100;
    assert_non_null(tm_answer_check_call(&answer, 100, 200));
    answer.stop_ns = 99;
    assert_non_null(tm_answer_check_call(&answer, 0, 200));
}

/* What is said of rewritten inputs survives, and must fit between the request and its answer. */
static void rewritings_must_be_possible(void **state)
{
    (void)state;
    tm_answer good = {.type = TM_MESSAGE_REWRITE, .rewriting = {.pairs = 3, .hash = {5, 6}}};
    for (int i = 0; i < 9; i++) {
        good.rewriting.same_ns[i] = 100 + i;
        good.rewriting.new_ns[i] = 200 + i;
    }
    tm_text bytes = {0};
    tm_answer got;
    assert_true(tm_answer_write(&good, &bytes));
    assert_true(tm_answer_read(TM_MESSAGE_REWRITE, bytes.data, bytes.length, &got));
    assert_memory_equal(&got.rewriting, &good.rewriting, sizeof got.rewriting);
    assert_false(tm_answer_read(TM_MESSAGE_REWRITE, bytes.data, bytes.length - 1, &got));
    tm_text_free(&bytes);
    assert_null(tm_answer_check_rewriting(&good, 0, 1000));
    assert_non_null(tm_answer_check_rewriting(&good, 0, 900));
    for (int i = 0; i < 5; i++) {
        tm_answer bad = good;
        if (i == 0) bad.rewriting.pairs = 0;
        if (i == 1) bad.rewriting.pairs = 10;
        if (i == 2) bad.rewriting.pairs = -1;
        if (i == 3) bad.rewriting.new_ns[2] = NAN;
        if (i == 4) bad.rewriting.same_ns[0] = 0;
        assert_non_null(tm_answer_check_rewriting(&bad, 0, 1000000));
    }
}

static void calibrations_must_be_possible(void **state)
{
    (void)state;
    tm_answer good = {.type = TM_MESSAGE_CALIBRATE};
    good.calibration = (tm_calibration){.timer = {1.0, 20.0}, .call_ns = 1e3, .batch = 200, .ratios = 9};
    for (int i = 0; i < 9; i++) good.calibration.ratio[i] = 2.0;
    assert_null(tm_answer_check_calibration(&good, 0, 100000));
    const double bad[] = {NAN, -1.0, 0.0, INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tm_answer answer = good;
        answer.calibration.call_ns = bad[i];
        assert_non_null(tm_answer_check_calibration(&answer, 0, 100000));
        answer = good;
        answer.calibration.ratio[8] = bad[i];
        assert_non_null(tm_answer_check_calibration(&answer, 0, 100000));
        answer = good;
        answer.calibration.singly_ratio = bad[i];
        if (bad[i] != 0.0) assert_non_null(tm_answer_check_calibration(&answer, 0, 100000));
        answer = good;
        if (bad[i] != 0.0) answer.calibration.timer.overhead_ns = bad[i];
        if (bad[i] != 0.0) assert_non_null(tm_answer_check_calibration(&answer, 0, 100000));
    }
    tm_answer answer = good;
    answer.calibration.ratios = 10;
    assert_non_null(tm_answer_check_calibration(&answer, 0, 100000));
    answer.calibration.ratios = -1;
    assert_non_null(tm_answer_check_calibration(&answer, 0, 100000));
    answer = good;
    answer.calibration.batch = 0;
    assert_non_null(tm_answer_check_calibration(&answer, 0, 100000));
    answer = good;
    answer.calibration.call_ns = 200000.0; /* longer than the whole request */
    assert_non_null(tm_answer_check_calibration(&answer, 0, 100000));
}

/* A visit of `count` samples of 10 ns, one every 20 ns from 120 on, after a discarded one. */
static tm_answer visit_answer(uint8_t *stamps, uint32_t count)
{
    for (uint32_t i = 0; i < 2 * count; i++) {
        const uint64_t value = 120 + 20 * (uint64_t)(i / 2) + 10 * (i % 2);
        for (size_t b = 0; b < 8; b++) stamps[8 * i + b] = (uint8_t)(value >> (8 * b));
    }
    return (tm_answer){.type = TM_MESSAGE_VISIT,
                       .stamps = stamps,
                       .stamp_bytes = 16 * count,
                       .discarded = true,
                       .first_start_ns = 100,
                       .first_stop_ns = 116,
                       .last_slot = 1};
}

static void visits_must_fit_the_clock(void **state)
{
    (void)state;
    uint8_t stamps[16 * 5];
    double samples[4];
    tm_visit_result visit = {.sample_ns = samples, .capacity = 4};
    const tm_request asked = {.type = TM_MESSAGE_VISIT, .batch = 2, .rule = {1, 0.0, true}, .capacity = 4};
    tm_answer answer = visit_answer(stamps, 4);
    assert_null(tm_answer_take_visit(&answer, &asked, 2, 100, 190, &visit));
    assert_int_equal(visit.samples, 4);
    assert_true(samples[0] == 5.0 && samples[3] == 5.0 && visit.first_ns == 8.0);
    assert_true(visit.start_ns == 120.0 && visit.end_ns == 190.0 && visit.last_slot == 1);

    assert_non_null(tm_answer_take_visit(&answer, &asked, 2, 100, 189, &visit)); /* the future */
    assert_non_null(tm_answer_take_visit(&answer, &asked, 2, 101, 190, &visit)); /* before the request */
    assert_non_null(tm_answer_take_visit(&answer, &asked, 1, 100, 190, &visit)); /* no slot 1 */
    answer.last_slot = -1;
    assert_non_null(tm_answer_take_visit(&answer, &asked, 2, 100, 190, &visit));
    answer = visit_answer(stamps, 4);
    stamps[16] = 129; /* begins before the sample before it ended */
    assert_non_null(tm_answer_take_visit(&answer, &asked, 2, 100, 190, &visit));
    answer = visit_answer(stamps, 4);
    stamps[24] = 140; /* takes no time */
    assert_non_null(tm_answer_take_visit(&answer, &asked, 2, 100, 190, &visit));
    answer = visit_answer(stamps, 4);
    stamps[31] = 255; /* 2^63 and more */
    assert_non_null(tm_answer_take_visit(&answer, &asked, 2, 100, 190, &visit));
    answer = visit_answer(stamps, 5);
    assert_non_null(tm_answer_take_visit(&answer, &asked, 2, 100, 1000, &visit)); /* above capacity */
    answer = visit_answer(stamps, 0);
    assert_non_null(tm_answer_take_visit(&answer, &asked, 2, 100, 190, &visit));
    answer = visit_answer(stamps, 4);
    answer.stamp_bytes -= 8;
    assert_non_null(tm_answer_take_visit(&answer, &asked, 2, 100, 190, &visit));
    answer = visit_answer(stamps, 4);
    answer.discarded = false;
    assert_non_null(tm_answer_take_visit(&answer, &asked, 2, 100, 190, &visit));
}

/* Of each sample two batches, the second twice as long: the difference is the time of the executions alone. */
static void slopes_are_differences(void **state)
{
    (void)state;
    static const uint64_t times[] = {100, 130, 130, 180, 200, 230, 240, 260, 300, 330, 330, 400};
    uint8_t stamps[sizeof times];
    double samples[3];
    for (size_t i = 0; i < sizeof times; i++) stamps[i] = (uint8_t)(times[i / 8] >> (8 * (i % 8)));
    tm_visit_result visit = {.sample_ns = samples, .capacity = 3};
    const tm_request asked = {
        .type = TM_MESSAGE_VISIT, .batch = 2, .rule = {1, 0.0, false}, .capacity = 3, .slope = true};
    tm_answer answer = {.type = TM_MESSAGE_VISIT, .stamps = stamps, .stamp_bytes = sizeof stamps};
    assert_null(tm_answer_take_visit(&answer, &asked, 2, 100, 400, &visit));
    assert_int_equal(visit.samples, 2); /* the second pair's longer batch took less time: no slope */
    assert_true(samples[0] == 10.0 && samples[1] == 20.0);
    assert_true(visit.start_ns == 100.0 && visit.end_ns == 400.0);
    answer.stamp_bytes -= 16;
    assert_string_equal(tm_answer_take_visit(&answer, &asked, 2, 100, 400, &visit), "half a sample");
    answer.stamp_bytes = sizeof stamps;
    stamps[9 * 8] = 0; /* a batch that ends before it begins */
    assert_non_null(tm_answer_take_visit(&answer, &asked, 2, 100, 400, &visit));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_is_read_back),
        cmocka_unit_test(every_flipped_bit_is_seen),
        cmocka_unit_test(header_is_strict),
        cmocka_unit_test(requests_survive),
        cmocka_unit_test(answers_survive),
        cmocka_unit_test(texts_stay_in_their_fields),
        cmocka_unit_test(calls_must_fit_the_clock),
        cmocka_unit_test(calibrations_must_be_possible),
        cmocka_unit_test(rewritings_must_be_possible),
        cmocka_unit_test(visits_must_fit_the_clock),
        cmocka_unit_test(slopes_are_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
