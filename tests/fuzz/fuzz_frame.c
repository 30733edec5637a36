/* Bytes from a worker: a frame header and payload, then the payload as every kind of message, and a visit's claims.
 * Whatever is accepted must be writable again to the same bytes. */
#include "run/protocol.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same(const tm_text *written, const uint8_t *payload, size_t length)
{
    if (written->length != length || (length > 0 && memcmp(written->data, payload, length) != 0)) abort();
}

static void try_answer(tm_message type, const uint8_t *payload, size_t length)
{
    tm_answer answer;
    if (!tm_answer_read(type, payload, length, &answer)) return;
    tm_text again = {0};
    if (!tm_answer_write(&answer, &again)) abort();
    expect_same(&again, payload, length);
    tm_text_free(&again);
    double samples[16];
    tm_visit_result visit = {.sample_ns = samples, .capacity = 16};
    const tm_request asked = {.type = TM_MESSAGE_VISIT, .batch = 3, .rule = {1, 0.0, true}, .capacity = 16};
    if (type == TM_MESSAGE_VISIT && !tm_answer_take_visit(&answer, &asked, 2, 1000, 1000000, &visit)) {
        for (int32_t i = 0; i < visit.samples; i++) {
            if (!(samples[i] > 0.0 && samples[i] <= 999000.0)) abort();
        }
    }
    if (type == TM_MESSAGE_CALIBRATE) tm_answer_check_calibration(&answer, 1000, 1000000);
    if (type == TM_MESSAGE_CALL) tm_answer_check_call(&answer, 1000, 1000000);
}

static void try_request(tm_message type, const uint8_t *payload, size_t length)
{
    tm_request request;
    if (!tm_request_read(type, payload, length, &request)) return;
    tm_text again = {0};
    if (!tm_request_write(&request, &again)) abort();
    expect_same(&again, payload, length);
    tm_text_free(&again);
}

/* The first byte chooses the message; the rest is its payload, or a whole frame. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    const tm_message type = (tm_message)(TM_MESSAGE_OPEN + data[0] % (TM_MESSAGE_COUNT - 1));
    try_answer(type, data + 1, size - 1);
    try_request(type, data + 1, size - 1);
    tm_wire_header header;
    if (size < 1 + TM_WIRE_HEADER || tm_wire_read_header(data + 1, &header)) return 0;
    if (header.length > size - 1 - TM_WIRE_HEADER) return 0;
    const uint8_t *payload = data + 1 + TM_WIRE_HEADER;
    if (tm_wire_check(data + 1, payload)) return 0;
    const uint32_t own = header.type & ~TM_WIRE_ANSWER;
    try_answer((tm_message)own, payload, header.length);
    try_request((tm_message)own, payload, header.length);
    return 0;
}
