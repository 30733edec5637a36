/* From pairs of backends to verdicts (and the A/A floor that these rest on), as pure functions. Differences are natural
 * logarithms, ln(t_base / t): above 0 the backend is faster than the base. Margins and effects are shares (0.01 is
 * 1 %). */
#ifndef TM_MEASURE_VERDICT_H
#define TM_MEASURE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of one pair on one case. */
typedef struct tm_pair {
    double mean;     /* of the incarnations' differences; NaN for none */
    double variance; /* of one incarnation's difference; NaN below two incarnations */
    double df;       /* degrees of freedom of the variance */
    int32_t incarnations;
    double drift; /* by how much it may have changed over the run, as tm_pair_drift says; 0: the pair held still */
} tm_pair;

/* From the differences that tm_pair_differences gives: the incarnations are what is independent. */
tm_pair tm_pair_of(const double *differences, size_t count);

/* The same from two runs that were not measured side by side: incarnations cannot be matched, so the mean is that of
 * the levels' difference and the standard error that of two samples, with the degrees of freedom of B. L. Welch
 * (Biometrika 34 (1947) 28-35), as many `incarnations` as the smaller side has. Levels are natural logarithms of times,
 * as tm_incarnation_levels gives them. What differs between the runs but not within them is not in the error: hence
 * tm_unpaired_margin. */
tm_pair tm_unpaired_of(const double *base, size_t base_count, const double *other, size_t other_count);

double tm_pair_standard_error(const tm_pair *pair);

/* 95 % interval of the difference: mean -+ this; NaN below two incarnations. */
double tm_pair_half_width(const tm_pair *pair);

/* Cells of about the same length have variances of about the same size; 0, 1, 2: below 100 us, below 10 ms, above. */
enum { TM_TIME_CLASSES = 3 };
int32_t tm_time_class(double call_ns);

enum { TM_LEAST_MODERATED = 20 };

/* Lets pairs of one kind (the same two backends, one time class) learn their variance from each other: each becomes the
 * mean, weighted by degrees of freedom, of its own and a common one, whose weight d0 (at most 4) follows from how much
 * the variances scatter beyond chance. Does nothing for fewer than TM_LEAST_MODERATED pairs that have a variance.
 * Method: G. K. Smyth, "Linear models and empirical Bayes methods for assessing differential expression in microarray
 * experiments", Statistical Applications in Genetics and Molecular Biology 3 (2004), article 3, sections 6.1 and 6.2.
 * The cap is ours; the common variance itself is the uncapped estimate, since a capped one would come out too small. */
void tm_moderate_variances(tm_pair *const *pairs, size_t count);

typedef enum tm_verdict { TM_UNDECIDED = 0, TM_FASTER = 1, TM_SLOWER = 2, TM_EQUAL = 3, TM_UNRANKED = 4 } tm_verdict;
const char *tm_verdict_name(tm_verdict verdict); /* "FASTER", ...; "" for TM_UNRANKED */

typedef struct tm_judgement {
    double p; /* that a difference within the margin looks like this; 1 where there is no variance */
    tm_verdict verdict;
} tm_judgement;

/* Judges all ranked pairs of a run together. FASTER or SLOWER: a one-sided t test against the margin, with the share of
 * false ones among them held at 5 % (Y. Benjamini, Y. Hochberg, J. R. Statist. Soc. B 57 (1995) 289-300). EQUAL: the
 * 95 % interval lies inside the margins. Of a pair that did not hold still only a difference beyond the margin and its
 * whole drift is told; else it is TM_UNRANKED. */
void tm_judge_pairs(const tm_pair *pairs, size_t count, double margin, tm_judgement *into);

/* What a verdict about the pair is about: the margin, and the drift where there is one. */
double tm_pair_margin(const tm_pair *pair, double margin);

/* The difference that such a measurement would find in 8 of 10 cases: that margin and (t_.975 + t_.80) standard errors.
 */
double tm_smallest_effect(const tm_pair *pair, double margin);

/* --- A/A: pairs of equal programs --- */

enum { TM_LEAST_TWINS = 8, TM_MOST_TWINS = 14, TM_LEAST_CASES_FOR_TWINS = 12 };

/* No verdict is about less than this. */
extern const double tm_least_margin;

/* Upper 95 % bound of what 95 % of equal pairs stay below: 1.96 s sqrt(n / chi2_.05,n), s the root of the mean square
 * of the pairs' differences. NaN for fewer than TM_LEAST_TWINS. */
double tm_aa_floor(const double *differences, size_t count);

/* max(tm_least_margin, floor); the least margin where the floor is not known (NaN). */
double tm_margin(double floor);

/* Between separate runs: 5 %, or the larger of the two runs' floors (NaN: not known). */
double tm_unpaired_margin(double base_floor, double other_floor);

/* Are so many false verdicts among so many twins too many to trust the run? Two or more of up to 14, and as large a
 * share of more. False for fewer than TM_LEAST_TWINS. */
bool tm_is_noisy(size_t false_verdicts, size_t twins);

#endif
