/* Tensormark's C library: build a graph of ops, run it on a backend; load an encoder, turn texts into vectors.
 *
 * The engine of this library is the backend that `tensormark_backend()` (see backend.h) returns: `native:cpu`.
 * Thread rule: a graph may be read by many threads once it is built; nothing else here is shared. A model belongs to
 * the thread that loaded it.
 */
#ifndef TENSORMARK_TENSORMARK_H
#define TENSORMARK_TENSORMARK_H

#include "tensormark/backend.h"

/* The version of the library, "0.1.0". Static; never freed. */
TM_EXPORT const char *tm_version(void);

/* An empty graph; NULL when memory is short. The caller frees it with tm_graph_free. */
TM_EXPORT tm_graph *tm_graph_new(void);

/* Frees a graph; NULL is allowed. */
TM_EXPORT void tm_graph_free(tm_graph *graph);

/* Adds an input tensor and returns its value (>= 0). All inputs come before the first op. Returns -1 with
 * `error` filled when the shape is not one (rank, negative or overflowing sizes, unknown dtype). */
TM_EXPORT int32_t tm_graph_input(tm_graph *graph, tm_shape shape, tm_error *error);

/* Adds the op named `op` (see docs/ops.md) over `count` values and returns the value of its result (>= 0).
 * `attributes` is "axis=-1" or "axis=0,rows=64"; NULL or "" for the defaults. Returns -1 with `error` filled for an
 * unknown op or attribute, a wrong number of operands, or shapes that do not fit ("matmul: inner sizes 64 and 65
 * differ"). */
TM_EXPORT int32_t tm_graph_op(tm_graph *graph, const char *op, const int32_t *operands, int32_t count,
                              const char *attributes, tm_error *error);

/* Declares `value` to be the next output. TM_INVALID_ARGUMENT when there is no such value, or it is an input. */
TM_EXPORT tm_status tm_graph_output(tm_graph *graph, int32_t value, tm_error *error);

/* The table through which a backend reads graphs (see tm_host in backend.h). Static; never freed. */
TM_EXPORT const tm_host *tm_graph_host(void);

/* A text encoder (BERT, RoBERTa, XLM-RoBERTa, and models of their kind such as MiniLM) with its tokenizer. */
typedef struct tm_model tm_model;

/* What one text becomes: a vector made of those of its tokens, or all of them. */
typedef enum tm_pooled {
    TM_POOLED_AS_MODEL = 0, /* as the folder's modules.json says; the mean where it says nothing */
    TM_POOLED_CLS = 1,      /* that of the first token */
    TM_POOLED_MEAN = 2,
    TM_POOLED_MAX = 3, /* the greatest of each element */
    TM_POOLED_NONE = 4 /* one row for each token */
} tm_pooled;

/* All zero: as the model says. */
typedef struct tm_embed_options {
    tm_pooled pooled;
    int32_t normalize;  /* 1: rows are divided by their Euclidean length; 0: pooled ones are, if the model says so */
    int64_t max_tokens; /* longer texts are cut, special tokens counted in; 0: where the model says, else at its last
                         * position */
} tm_embed_options;

/* Rows of `width` float32: those of text i are first[i] .. first[i + 1] - 1, of `count` texts. */
typedef struct tm_embeddings {
    int64_t width;
    size_t count;
    size_t *first; /* count + 1 of them */
    float *data;
} tm_embeddings;

/* Loads a folder as Hugging Face has them: config.json, model.safetensors (or several, under an index), tokenizer.json
 * or vocab.txt, and what sentence-transformers adds. `threads` is how many compute, the caller counted; 0: all that the
 * process may use. Errors name file and tensor or field: TM_INVALID_ARGUMENT for files that are not what they must be,
 * TM_UNSUPPORTED for models that are not covered, TM_FAILED for what cannot be read, TM_OUT_OF_MEMORY. */
TM_EXPORT tm_status tm_model_load(const char *folder, int32_t threads, tm_model **into, tm_error *error);

/* Frees a model, on the thread that loaded it; NULL is allowed. */
TM_EXPORT void tm_model_free(tm_model *model);

/* The number of elements of a row. */
TM_EXPORT int64_t tm_model_width(const tm_model *model);

/* Writes the ids of a text of `bytes` bytes of UTF-8, with the model's special tokens, to `ids`, at most `capacity` of
 * them; `*count` is how many there are. `max_tokens` is as in tm_embed_options. TM_INVALID_ARGUMENT for more
 * `max_tokens` than the model has positions, or an id that the model has no row for; TM_FAILED for a character
 * without a token; TM_OUT_OF_MEMORY. */
TM_EXPORT tm_status tm_tokenize(const tm_model *model, const char *text, size_t bytes, int64_t max_tokens,
                                uint32_t *ids, size_t capacity, size_t *count, tm_error *error);

/* Encodes `count` texts; `bytes` are their lengths, NULL if each ends in a zero. Texts of one length run together, and
 * nothing is padded, so a text's rows do not depend on the others beyond rounding. `options` may be NULL. Errors as of
 * tm_tokenize, with the number of the text, from 0; on any of them `*into` is empty. tm_embeddings_free frees it. */
TM_EXPORT tm_status tm_encode(tm_model *model, const char *const *texts, const size_t *bytes, size_t count,
                              const tm_embed_options *options, tm_embeddings *into, tm_error *error);

/* Frees what tm_encode made; an empty one is allowed. */
TM_EXPORT void tm_embeddings_free(tm_embeddings *embeddings);

#endif
