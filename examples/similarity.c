/* How alike two texts are: cc similarity.c $(pkg-config --cflags --libs tensormark) && ./a.out MODEL "one" "another" */
#include <stdio.h>
#include <tensormark/tensormark.h>

int main(int count, char **words)
{
    tm_error error;
    tm_model *model = NULL;
    tm_embeddings rows = {0};
    const tm_embed_options options = {.normalize = 1};
    if (count != 4) return fprintf(stderr, "usage: %s MODEL TEXT TEXT\n", words[0]), 2;
    tm_status status = tm_model_load(words[1], 0, &model, &error);
    if (status == TM_OK) status = tm_encode(model, (const char *const *)words + 2, NULL, 2, &options, &rows, &error);
    float cosine = 0;
    for (int64_t i = 0; status == TM_OK && i < rows.width; i++) cosine += rows.data[i] * rows.data[rows.width + i];
    status == TM_OK ? printf("%.4f\n", (double)cosine) : fprintf(stderr, "%s\n", error.message);
    tm_embeddings_free(&rows);
    tm_model_free(model);
    return status != TM_OK;
}
