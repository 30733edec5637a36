/* Attributes as text. One table, made from attributes.def, tells name, kind and place of each; the words of a CHOICE
 * stand in a list per attribute. Reals are written in the shortest form that reads back to the same double. */
#include "graph/rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum attribute_kind { INTEGER, REAL, CHOICE } attribute_kind;

typedef struct attribute_row {
    const char *name;
    attribute_kind kind;
    size_t offset;
} attribute_row;

enum { MOST_CHOICES = 4 };

static const attribute_row table[TM_ATTRIBUTE_COUNT] = {
#define TM_ATTRIBUTE(name, kind) [TM_ATTRIBUTE_##name] = {#name, kind, offsetof(tm_attributes, name)},
#include "graph/attributes.def"
#undef TM_ATTRIBUTE
};

/* The words of each CHOICE by their numbers, ended by NULL. */
static const char *const choices[TM_ATTRIBUTE_COUNT][MOST_CHOICES + 1] = {
    [TM_ATTRIBUTE_mask] = {[TM_MASK_NONE] = "none",
                           [TM_MASK_CAUSAL] = "causal",
                           [TM_MASK_CAUSAL_END] = "causal_end",
                           [TM_MASK_LENGTHS] = "lengths"},
    [TM_ATTRIBUTE_approximate] = {[TM_APPROXIMATE_NONE] = "none", [TM_APPROXIMATE_TANH] = "tanh"},
};

const char *tm_attribute_name(tm_attribute attribute)
{
    return table[attribute].name;
}

bool tm_attribute_is_real(tm_attribute attribute)
{
    return table[attribute].kind == REAL;
}

int64_t *tm_attribute_integer(tm_attributes *attributes, tm_attribute attribute)
{
    if (table[attribute].kind == REAL) return NULL;
    return (int64_t *)(void *)((char *)attributes + table[attribute].offset);
}

double *tm_attribute_real(tm_attributes *attributes, tm_attribute attribute)
{
    if (table[attribute].kind != REAL) return NULL;
    return (double *)(void *)((char *)attributes + table[attribute].offset);
}

static int64_t choice_count(tm_attribute attribute)
{
    int64_t count = 0;
    while (choices[attribute][count]) count++;
    return count;
}

const char *tm_attribute_choice(tm_attribute attribute, int64_t choice)
{
    return choice >= 0 && choice < choice_count(attribute) ? choices[attribute][choice] : NULL;
}

bool tm_attribute_parse(const char *name, size_t length, tm_attribute *into)
{
    for (int i = 0; i < TM_ATTRIBUTE_COUNT; i++) {
        if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0) {
            *into = (tm_attribute)i;
            return true;
        }
    }
    return false;
}

/* False: `value` is not one of the attribute's kind. */
static bool parse_value(tm_attribute attribute, const char *value, tm_attributes *into)
{
    switch (table[attribute].kind) {
    case INTEGER: return tm_parse_i64(value, tm_attribute_integer(into, attribute));
    case REAL: return tm_parse_real(value, tm_attribute_real(into, attribute));
    case CHOICE: break;
    }
    for (int64_t i = 0; i < choice_count(attribute); i++) {
        if (strcmp(choices[attribute][i], value) == 0) {
            *tm_attribute_integer(into, attribute) = i;
            return true;
        }
    }
    return false;
}

typedef struct words {
    char text[96];
} words;

/* "a number", or "none, causal or causal_end". */
static words kind_words(tm_attribute attribute)
{
    words is = {0};
    const int64_t count = choice_count(attribute);
    switch (table[attribute].kind) {
    case INTEGER: snprintf(is.text, sizeof is.text, "a whole number"); break;
    case REAL: snprintf(is.text, sizeof is.text, "a number"); break;
    case CHOICE:
        for (int64_t i = 0; i < count; i++) {
            const size_t used = strlen(is.text);
            snprintf(is.text + used, sizeof is.text - used, "%s%s", choices[attribute][i],
                     i + 2 < count   ? ", "
                     : i + 1 < count ? " or "
                                     : "");
        }
    }
    return is;
}

static bool has(const tm_attribute_owner *owner, tm_attribute attribute)
{
    const tm_attribute *at = owner->has;
    while (*at != TM_ATTRIBUTE_COUNT && *at != attribute) at++;
    return *at != TM_ATTRIBUTE_COUNT;
}

static tm_status parse_one(const tm_attribute_owner *owner, const char *item, size_t length, unsigned *seen,
                           tm_attributes *into, tm_error *error)
{
    char value[64];
    const char *const equals = memchr(item, '=', length);
    const int shown = length < 64 ? (int)length : 64;
    if (!equals) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: attribute '%.*s' is not of the form name=value", owner->name,
                       shown, item);
    }
    const size_t name_length = (size_t)(equals - item);
    const size_t value_length = length - name_length - 1;
    tm_attribute attribute = TM_ATTRIBUTE_COUNT;
    if (!tm_attribute_parse(item, name_length, &attribute) || !has(owner, attribute)) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: there is no attribute '%.*s'", owner->name,
                       name_length < 64 ? (int)name_length : 64, item);
    }
    const char *const name = tm_attribute_name(attribute);
    if (*seen & 1u << attribute) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: attribute %s is given twice", owner->name, name);
    }
    *seen |= 1u << attribute;
    if (value_length < sizeof value) {
        memcpy(value, equals + 1, value_length);
        value[value_length] = 0;
        if (parse_value(attribute, value, into)) return TM_OK;
    }
    return tm_fail(error, TM_INVALID_ARGUMENT, "%s: %s must be %s, not '%.*s'", owner->name, name,
                   kind_words(attribute).text, value_length < 64 ? (int)value_length : 64, equals + 1);
}

static tm_status check(const tm_attribute_owner *owner, const tm_attributes *attributes, tm_error *error)
{
    tm_attributes copy = *attributes;
    for (const tm_attribute *at = owner->has; *at != TM_ATTRIBUTE_COUNT; at++) {
        const int64_t *const integer = tm_attribute_integer(&copy, *at);
        const char *const name = tm_attribute_name(*at);
        if (integer && *integer == INT64_MIN) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "%s: %s must be given", owner->name, name);
        }
        if (*at == TM_ATTRIBUTE_rows && *integer < 0) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "%s: rows must not be negative", owner->name);
        }
        if (*at == TM_ATTRIBUTE_heads && *integer < 1) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "%s: heads must be at least 1", owner->name);
        }
        if (table[*at].kind == CHOICE && !tm_attribute_choice(*at, *integer)) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "%s: there is no %s number %lld", owner->name, name,
                           (long long)*integer);
        }
        if (*at == TM_ATTRIBUTE_eps && !(copy.eps >= 0 && isfinite(copy.eps))) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "%s: eps must be finite and not negative", owner->name);
        }
        if (*at == TM_ATTRIBUTE_slope && !isfinite(copy.slope)) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "%s: slope must be finite", owner->name);
        }
        if (*at == TM_ATTRIBUTE_scale && isinf(copy.scale)) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "%s: scale must be finite", owner->name);
        }
    }
    return TM_OK;
}

tm_status tm_attributes_parse_for(const tm_attribute_owner *owner, const char *text, tm_attributes *into,
                                  tm_error *error)
{
    tm_attributes parsed = *into;
    unsigned seen = 0;
    const char *at = text ? text : "";
    while (*at) {
        const size_t length = strcspn(at, ",");
        const tm_status status = parse_one(owner, at, length, &seen, &parsed, error);
        if (status != TM_OK) return status;
        at += length;
        if (*at == ',' && at[1] == 0) {
            return tm_fail(error, TM_INVALID_ARGUMENT, "%s: attributes end with a comma", owner->name);
        }
        if (*at == ',') at++;
    }
    const tm_status status = check(owner, &parsed, error);
    if (status == TM_OK) *into = parsed;
    return status;
}

void tm_real_print(double value, tm_text *into)
{
    char digits[40];
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value) break;
    }
    /* Whatever the locale writes as the decimal point, ids have a dot. */
    const size_t foreign = strspn(digits, "0123456789+-e.");
    if (digits[foreign]) digits[foreign] = '.';
    tm_text_add(into, digits);
}

bool tm_attributes_print_for(const tm_attribute_owner *owner, const tm_attributes *attributes, tm_text *into)
{
    bool added = false;
    tm_attributes copy = *attributes;
    for (const tm_attribute *at = owner->has; *at != TM_ATTRIBUTE_COUNT; at++) {
        const double *const real = tm_attribute_real(&copy, *at);
        if (*at == TM_ATTRIBUTE_rows || (real && isnan(*real))) continue;
        tm_text_format(into, "%s%s=", added ? "," : "", tm_attribute_name(*at));
        added = true;
        if (real) {
            tm_real_print(*real, into);
        } else if (table[*at].kind == CHOICE) {
            tm_text_add(into, tm_attribute_choice(*at, *tm_attribute_integer(&copy, *at)));
        } else {
            tm_text_format(into, "%lld", (long long)*tm_attribute_integer(&copy, *at));
        }
    }
    return added;
}

tm_attribute_owner tm_op_owner(tm_op op)
{
    return (tm_attribute_owner){tm_op_name(op), tm_op_attributes(op)};
}

tm_status tm_attributes_parse(tm_op op, const char *text, tm_attributes *into, tm_error *error)
{
    const tm_attribute_owner owner = tm_op_owner(op);
    return tm_attributes_parse_for(&owner, text, into, error);
}

tm_status tm_attributes_check(tm_op op, const tm_attributes *attributes, tm_error *error)
{
    const tm_attribute_owner owner = tm_op_owner(op);
    return check(&owner, attributes, error);
}

bool tm_attributes_print(tm_op op, const tm_attributes *attributes, tm_text *into)
{
    const tm_attribute_owner owner = tm_op_owner(op);
    return tm_attributes_print_for(&owner, attributes, into);
}
