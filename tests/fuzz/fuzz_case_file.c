/* Any bytes as a case file: problems, or cases whose ids read back to themselves. */
#include "suite/case.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) abort();
}

static void check_case(const tm_case *one)
{
    tm_case again;
    tm_error error = {""};
    require(tm_case_parse(one->id, "again", &again, &error) == TM_OK);
    require(strcmp(one->id, again.id) == 0 && one->dtype == again.dtype && one->cold == again.cold);
    const tm_work work = tm_graph_work(one->graph);
    require(work.flop >= 0 && work.bytes >= work.floor_bytes);
    tm_case_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const tm_dtype dtypes[] = {TM_F32, TM_BF16};
    tm_case_list list = {0};
    tm_text problems = {0};
    tm_error error = {""};
    const tm_status status = tm_case_file_append("fuzz", (const char *)data, size, dtypes, 2, &list, &problems, &error);
    require(status == TM_OK || status == TM_INVALID_ARGUMENT);
    require((status == TM_OK) == (problems.length == 0));
    require(status == TM_OK || (list.count == 0 && error.message[0] != 0));
    for (size_t i = 0; i < list.count && i < 100; i++) check_case(&list.items[i]);
    tm_case_list_free(&list);
    tm_text_free(&problems);
    return 0;
}
