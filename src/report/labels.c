/* The labels of cells in words. */
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
};

const char *tm_label_meaning(const char *label)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (strcmp(meanings[i].label, label) == 0) return meanings[i].meaning;
    }
    return NULL;
}
