/* The public interface as an installed header gives it, without a model: use_library [MODEL]. Prints nothing; the line
 * of an assertion that does not hold goes to stderr. */
#undef NDEBUG
#include <assert.h>
#include <math.h>
#include <string.h>
#include <tensormark/tensormark.h>

static tm_error error;

static void refuses_what_is_no_model(void)
{
    tm_model *model = (tm_model *)&error;
    assert(tm_model_load("/nonexistent/folder", 1, &model, &error) == TM_INVALID_ARGUMENT);
    assert(model == NULL && strstr(error.message, "/nonexistent/folder"));
    tm_model_free(NULL);
    tm_embeddings none = {0};
    tm_embeddings_free(&none);
}

static void runs_a_graph(void)
{
    const tm_backend *backend = tensormark_backend();
    tm_graph *graph = tm_graph_new();
    const int32_t x = tm_graph_input(graph, (tm_shape){.rank = 1, .dim = {3}}, &error);
    assert(tm_graph_output(graph, tm_graph_op(graph, "relu", &x, 1, "", &error), &error) == TM_OK);
    tm_session *session = NULL;
    tm_program *program = NULL;
    float data[] = {-1, 0, 2};
    assert(backend->open("cpu", "", "", 1, tm_graph_host(), &session, &error) == TM_OK);
    assert(backend->compile(session, graph, 1, &program, &error) == TM_OK);
    assert(backend->bind(program, 0, 0, 0, data, sizeof data, &error) == TM_OK);
    assert(backend->run(program, 0, 1, &error) == TM_OK && backend->sync(session, &error) == TM_OK);
    assert(backend->read(program, 0, 0, sizeof data, data, &error) == TM_OK);
    assert(data[0] == 0 && data[1] == 0 && data[2] == 2);
    backend->discard(program);
    backend->close(session);
    tm_graph_free(graph);
}

static void encodes(const char *folder)
{
    static const char *const texts[] = {"a boat", "a much longer text about a boat", "", "a boat"};
    tm_model *model = NULL;
    tm_embeddings rows, more;
    assert(tm_model_load(folder, 2, &model, &error) == TM_OK);
    const int64_t width = tm_model_width(model);
    assert(tm_encode(model, texts, NULL, 4, NULL, &rows, &error) == TM_OK);
    assert(rows.width == width && rows.count == 4 && rows.first[4] == 4);
    for (int64_t i = 0; i < width; i++) assert(fabsf(rows.data[i] - rows.data[3 * width + i]) < 1e-6f);
    uint32_t ids[2];
    size_t count = 0;
    assert(tm_tokenize(model, texts[1], strlen(texts[1]), 0, ids, 2, &count, &error) == TM_OK && count > 4);
    const tm_embed_options tokens = {.pooled = TM_POOLED_NONE, .max_tokens = 4};
    assert(tm_encode(model, texts, (const size_t[]){6, 31, 0, 1}, 4, &tokens, &more, &error) == TM_OK);
    assert(more.first[0] == 0 && more.first[1] == 4 && more.first[2] == 8 && more.first[3] == 10);
    tm_embeddings_free(&more);
    const tm_embed_options too_long = {.max_tokens = 1 << 20};
    assert(tm_encode(model, texts, NULL, 4, &too_long, &more, &error) == TM_INVALID_ARGUMENT);
    assert(more.data == NULL && strstr(error.message, "positions"));
    assert(tm_encode(model, NULL, NULL, 0, NULL, &more, &error) == TM_OK && more.count == 0);
    tm_embeddings_free(&more);
    tm_embeddings_free(&rows);
    tm_model_free(model);
}

int main(int count, char **words)
{
    refuses_what_is_no_model();
    runs_a_graph();
    if (count > 1) encodes(words[1]);
    return 0;
}
