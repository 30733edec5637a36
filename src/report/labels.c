/* The labels of cells in words: those that a run gives, and those by which the adapters in backends/ say what they do
 * otherwise than the graph does. tests/unit/test_labels.c looks through their sources for one that is missing here. */
#include "report/explain.h"

#include <string.h>

static const struct {
    const char *label, *meaning;
} meanings[] = {
    {"QUICK", "measured with --quick: fewer rounds, so only larger differences are found"},
    {"CAPPED", "the most time that a cell may sample was reached, so it kept fewer rounds than others"},
    {"DISTURBED", "something else used the machine in some rounds, and the patience to repeat them was spent"},
    {"NONLINEAR", "twice the executions do not take twice the time; the time shown is the slope, (t(2n) - t(n)) / n"},
    {"NO STEADY STATE",
     "the time changed by more than 3 % over the run; ranked only by more than a ratio may have changed"},
    {"SUSPECT", "faster than 0.95 of the time that no correct program can beat, as measured here"},
    {"LOWACC", "less accurate than asked for, but nothing lost; shown, not ranked"},
    {"RACY", "rows of the result are put together from several candidates for the same place"},
    {"NOT-FIRST", "among equal maxima another than the first was chosen"},
    {"PEAK=WORKER", "the system does not let the peak of memory be counted per case; it is that of the worker's life"},
    {"A8", "the backend quantises activations to 8 bits"},
    {"ACC=f16", "the backend adds in float16, and is judged so"},
    {"ACC=bf16", "the backend adds in bfloat16, and is judged so"},
    {"ACC=tf32", "the backend rounds inputs to TF32, and is judged so"},
    {"UNPAIRED", "compared with a separate run, not measured in turns"},
    {"UNVERIFIED", "the output was not checked"},
    {"NO-AA", "too few twins were measured to know by how much equal programs differ here"},
    {"provisional", "the run has not been completed"},
    {"ALSO=indices", "the backend cannot sort without making the indices as well"},
    {"ALSO=cont", "the backend copies the input, to bring the axis inside, and the result back"},
    {"ALSO=f32", "the backend computes a float32 result first and rounds it to the type asked for"},
    {"B=transposed",
     "the second matrix is held transposed, as the backend takes it; brought so before the timed calls"},
    {"W=transposed", "the weight is held transposed, as the backend takes it; brought so before the timed calls"},
    {"BATCH=loop", "a batch is a loop over calls of one product"},
    {"BATCH=sgemm_batch", "a batch is one call of the library"},
    {"IN=f32", "the backend takes rows as float32 only: widened before the timed calls"},
    {"OUT=f32", "the backend gives float32, which is rounded to the type asked for when it is read"},
    {"Q=f32", "the backend takes queries as float32 only: widened before the timed calls"},
    {"INDEX=uint32", "the backend's indices have 32 bits; widened or narrowed outside the timed calls"},
    {"INDICES=i32", "the backend's indices have 32 bits; narrowed before the timed calls"},
    {"THREADS=1", "the backend cannot use more than one thread here, whatever was asked for"},
    {"THREADS=own", "nothing is known of the backend's threads; it runs on the run's processors all the same"},
    {"WEIGHTS=packed", "weights are held in a layout that the backend chose, brought so before the timed calls"},
};

/* What a backend's word is about, whatever stands behind the '='. */
static const struct {
    const char *key, *meaning;
} keys[] = {
    {"ALSO=", "the backend also makes this, which the case does not ask for"},
    {"BATCH=", "how the backend goes through a batch"},
    {"LAYOUT=", "the backend holds data in this order of dimensions; brought so outside the timed calls"},
    {"OPERATORS=", "of so many of the backend's operators the op is put together, since it has none of its own"},
    {"THREADS=", "the backend uses so many threads, whatever was asked for"},
    {"WEIGHTS=", "weights are held so, brought into this form before the timed calls"},
};

const char *tm_label_meaning(const char *label)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (strcmp(meanings[i].label, label) == 0) return meanings[i].meaning;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strncmp(keys[i].key, label, strlen(keys[i].key)) == 0) return keys[i].meaning;
    }
    return NULL;
}
