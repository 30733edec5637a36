/* A model from the inside; from outside it is what tensormark.h says of tm_model. */
#ifndef TM_INFER_MODEL_H
#define TM_INFER_MODEL_H

#include "infer/plans.h"
#include "model/checkpoint/shown.h"
#include "model/tokenizer/tokenizer.h"

struct tm_model {
    char shown[TM_SHOWN]; /* its folder, for messages */
    tm_encoder_config config;
    tm_sentence_config sentence;
    tm_tokenizer *tokenizer;
    tm_weights weights;
    tm_plans plans;
};

/* The most tokens that a text is cut to for `asked`, 0 for as many as the model says; TM_INVALID_ARGUMENT for more than
 * it has positions. */
tm_status tm_model_limit(const tm_model *model, int64_t asked, int64_t *into, tm_error *error);

/* The tokens of a text, with every id and type known to have a row in the model. */
tm_status tm_model_tokens(const tm_model *model, const char *text, size_t bytes, int64_t limit, tm_tokens *into,
                          tm_error *error);

/* tm_encode, but `*failed` gets the number of the text that the error is about, or `count` where it is about none. */
tm_status tm_model_encode(tm_model *model, const char *const *texts, const size_t *bytes, size_t count,
                          const tm_embed_options *options, tm_embeddings *into, size_t *failed, tm_error *error);

#endif
