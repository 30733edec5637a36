/* Loading a model: everything that its folder says is read and checked before the weights are. */
#include "infer/model.h"

#include "base/parallel.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static tm_status read_folder(tm_model *model, const char *path, int threads, tm_error *error)
{
    tm_checkpoint *checkpoint = NULL;
    tm_encoder_weights places = {0};
    tm_status status = tm_checkpoint_open(path, &checkpoint, error);
    if (status == TM_OK) status = tm_encoder_config_read(tm_checkpoint_folder(checkpoint), &model->config, error);
    if (status == TM_OK) status = tm_sentence_config_read(tm_checkpoint_folder(checkpoint), &model->sentence, error);
    if (status == TM_OK) status = tm_encoder_weights_find(checkpoint, &model->config, &places, error);
    if (status == TM_OK) status = tm_tokenizer_open(path, &model->tokenizer, error);
    if (status == TM_OK) status = tm_weights_read(checkpoint, &model->config, &places, threads, &model->weights, error);
    tm_encoder_weights_free(&places);
    tm_checkpoint_close(checkpoint);
    return status;
}

tm_status tm_model_load(const char *folder, int32_t threads, tm_model **into, tm_error *error)
{
    *into = NULL;
    const int32_t members = threads > 0 ? threads : tm_usable_threads();
    tm_model *model = calloc(1, sizeof *model);
    if (!model) return tm_fail_memory(error, "a model");
    tm_shown_path(folder, model->shown);
    tm_status status = read_folder(model, folder, members, error);
    if (status == TM_OK)
        status = tm_plans_open(tensormark_backend(), &model->config, &model->weights, members, &model->plans, error);
    if (status != TM_OK) {
        tm_model_free(model);
        model = NULL;
    }
    *into = model;
    return status;
}

void tm_model_free(tm_model *model)
{
    if (!model) return;
    tm_plans_close(&model->plans);
    tm_weights_free(&model->weights);
    tm_tokenizer_close(model->tokenizer);
    free(model);
}

int64_t tm_model_width(const tm_model *model)
{
    return model->config.hidden_size;
}

tm_status tm_model_limit(const tm_model *model, int64_t asked, int64_t *into, tm_error *error)
{
    const int64_t most = tm_encoder_most_tokens(&model->config), said = model->sentence.most_tokens;
    if (asked > most) {
        return tm_fail(error, TM_INVALID_ARGUMENT,
                       "%s: texts of %" PRId64 " tokens are more than its %" PRId64 " positions", model->shown, asked,
                       most);
    }
    *into = asked > 0 ? asked : said > 0 && said < most ? said : most;
    return TM_OK;
}

static tm_status check_row(const tm_model *model, const char *what, uint32_t row, const char *field, int64_t rows,
                           tm_error *error)
{
    if (row < rows) return TM_OK;
    return tm_fail(error, TM_INVALID_ARGUMENT,
                   "%s: %s %" PRIu32 " of the tokenizer is not below %s %" PRId64 " of config.json", model->shown, what,
                   row, field, rows);
}

tm_status tm_model_tokens(const tm_model *model, const char *text, size_t bytes, int64_t limit, tm_tokens *into,
                          tm_error *error)
{
    const tm_encode_options options = {.max_length = (size_t)limit};
    tm_status status = tm_tokenizer_encode(model->tokenizer, text, bytes, NULL, 0, &options, into, error);
    for (size_t i = 0; i < into->count && status == TM_OK; i++) {
        status = check_row(model, "token", into->ids[i], "vocab_size", model->config.vocab_size, error);
        if (status == TM_OK)
            status =
                check_row(model, "type", into->type_ids[i], "type_vocab_size", model->config.type_vocab_size, error);
    }
    return status;
}

tm_status tm_tokenize(const tm_model *model, const char *text, size_t bytes, int64_t max_tokens, uint32_t *ids,
                      size_t capacity, size_t *count, tm_error *error)
{
    tm_tokens tokens = {0};
    int64_t limit = 0;
    *count = 0;
    tm_status status = tm_model_limit(model, max_tokens, &limit, error);
    if (status == TM_OK) status = tm_model_tokens(model, text, bytes, limit, &tokens, error);
    if (status == TM_OK) {
        *count = tokens.count;
        const size_t kept = tokens.count < capacity ? tokens.count : capacity;
        if (kept > 0) memcpy(ids, tokens.ids, kept * sizeof *ids);
    }
    tm_tokens_free(&tokens);
    return status;
}
