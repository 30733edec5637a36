/* Running steps. A call by name consumes every handle, list, string and optional that it gets, so each step makes its
 * arguments anew from registers; that costs some tens of nanoseconds an argument, beside about a microsecond that
 * PyTorch's own dispatch takes. */
#include "torch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif
#include <unistd.h>

void tm_torch_free_tensor(const tm_torch *torch, tensor *handle)
{
    if (*handle) torch->api.aoti_torch_delete_tensor_object(*handle);
    *handle = NULL;
}

static cell cell_of_tensor(tensor handle)
{
    return (cell)(uintptr_t)handle;
}

static tensor register_of(const tm_program *program, int32_t slot, int32_t index)
{
    if (program->life[index] != TM_TORCH_OF_SLOT) return program->live[index];
    return program->of_slot[(size_t)slot * (size_t)program->registers + (size_t)index];
}

/* A second handle on a register's tensor. */
static bool copy_handle(const tm_program *program, int32_t slot, int32_t index, cell *into)
{
    tensor made = NULL;
    const tensor from = register_of(program, slot, index);
    if (!from || program->session->torch.api.aoti_torch_new_tensor_handle(from, &made) != 0) return false;
    *into = cell_of_tensor(made);
    return true;
}

/* A present optional: a cell of its own, which the callee frees. Before 2.13 that is what C++'s new gives, which is
 * malloc. */
static bool wrap(const tm_torch_api *api, cell value, cell *into)
{
    cell *made = NULL;
    if (api->torch_new_stable_ivalue) {
        if (api->torch_new_stable_ivalue(&made) != 0) return false;
    } else {
        made = malloc(sizeof *made);
    }
    if (!made) return false;
    *made = value;
    *into = (cell)(uintptr_t)made;
    return true;
}

static bool make_list(const tm_program *program, int32_t slot, const tm_torch_argument *argument, cell *into)
{
    const tm_torch_api *api = &program->session->torch.api;
    const bool integers = argument->kind == TM_TORCH_INTS || argument->kind == TM_TORCH_SOME_INTS;
    list made = NULL;
    if (api->torch_new_list_reserve_size((size_t)argument->count, &made) != 0) return false;
    for (int32_t i = 0; i < argument->count; i++) {
        cell item = (cell)argument->list[i];
        if (!integers && !copy_handle(program, slot, (int32_t)argument->list[i], &item)) return false;
        if (argument->kind == TM_TORCH_SOME_TENSORS && !wrap(api, item, &item)) return false;
        if (api->torch_list_push_back(made, item) != 0) return false;
    }
    *into = (cell)(uintptr_t)made;
    return true;
}

static bool make_argument(const tm_program *program, int32_t slot, const tm_torch_argument *argument, cell *into)
{
    const tm_torch_api *api = &program->session->torch.api;
    string text = NULL;
    switch (argument->kind) {
    case TM_TORCH_BITS: *into = argument->bits; return true;
    case TM_TORCH_SOME_BITS: return wrap(api, argument->bits, into);
    case TM_TORCH_TENSOR: return copy_handle(program, slot, argument->tensor, into);
    case TM_TORCH_SOME_TENSOR: return copy_handle(program, slot, argument->tensor, into) && wrap(api, *into, into);
    case TM_TORCH_INTS:
    case TM_TORCH_TENSORS:
    case TM_TORCH_SOME_TENSORS: return make_list(program, slot, argument, into);
    case TM_TORCH_SOME_INTS: return make_list(program, slot, argument, into) && wrap(api, *into, into);
    case TM_TORCH_TEXT:
        if (api->torch_new_string_handle(argument->text, strlen(argument->text), &text) != 0) return false;
        *into = (cell)(uintptr_t)text;
        return true;
    }
    return false;
}

static void keep(tm_program *program, int32_t slot, int32_t index, tensor made)
{
    const tm_torch *torch = &program->session->torch;
    if (index < 0) {
        tm_torch_free_tensor(torch, &made);
        return;
    }
    tensor *place = program->life[index] == TM_TORCH_OF_SLOT
                        ? &program->of_slot[(size_t)slot * (size_t)program->registers + (size_t)index]
                        : &program->live[index];
    tm_torch_free_tensor(torch, place);
    *place = made;
}

static tm_status call_scalar(tm_program *program, const tm_torch_step *step, int32_t slot, tm_error *error)
{
    tensor operands[TM_TORCH_MOST_ARGUMENTS], made = NULL;
    char words[400] = "";
    for (int32_t i = 0; i < step->arguments; i++) {
        operands[i] = register_of(program, slot, step->argument[i].tensor);
    }
    const tensor into = step->into < 0 ? NULL : register_of(program, slot, step->into);
    if (step->scalar(operands, step->real, into, &made, words, sizeof words) != 0) {
        return tm_torch_refused_with(words, step->name, error);
    }
    keep(program, slot, step->result, made);
    return TM_OK;
}

/* Leaves the results on the stack. */
static tm_status attempt(tm_program *program, const tm_torch_step *step, int32_t slot, cell *stack, bool *refused,
                         tm_error *error)
{
    for (int32_t i = 0; i < step->arguments; i++) {
        if (make_argument(program, slot, &step->argument[i], &stack[i])) continue;
        return tm_adapter_fail(error, TM_FAILED, "%s: argument %d cannot be made", step->name, (int)i + 1);
    }
    *refused = program->session->torch.api.aoti_torch_call_dispatcher(step->op, step->overload, stack) != 0;
    return TM_OK;
}

/* What PyTorch wrote on stderr: "[...] Exception in aoti_torch: WORDS". */
static void take_words(int file, char *words, size_t capacity)
{
    static const char before[] = "Exception in aoti_torch: ";
    char text[2048];
    const ssize_t length = pread(file, text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    const char *from = strstr(text, before);
    if (!from) return;
    from += strlen(before);
    snprintf(words, capacity, "%.*s", (int)strcspn(from, "\n"), from);
}

/* Before 2.13, PyTorch tells why it refuses on stderr only. A call that was refused is refused again: it is repeated
 * with stderr turned into memory. */
static tm_status explain(tm_program *program, const tm_torch_step *step, int32_t slot, tm_error *error)
{
    const tm_torch *torch = &program->session->torch;
    char words[400] = "";
#ifdef __linux__
    const bool silent = !torch->api.torch_exception_get_what_without_backtrace;
    const int saved = silent ? dup(STDERR_FILENO) : -1, memory = silent ? memfd_create("words", MFD_CLOEXEC) : -1;
    if (saved >= 0 && memory >= 0 && dup2(memory, STDERR_FILENO) >= 0) {
        cell stack[TM_TORCH_MOST_ARGUMENTS];
        bool refused = false;
        const tm_status status = attempt(program, step, slot, stack, &refused, error);
        for (int32_t i = 0; status == TM_OK && !refused && i < step->results; i++) {
            keep(program, slot, -1, (tensor)(uintptr_t)stack[i]);
        }
        dup2(saved, STDERR_FILENO);
        take_words(memory, words, sizeof words);
    }
    if (saved >= 0) close(saved);
    if (memory >= 0) close(memory);
#endif
    return words[0] ? tm_torch_refused_with(words, step->name, error) : tm_torch_refused(torch, step->name, error);
}

static tm_status call_by_name(tm_program *program, const tm_torch_step *step, int32_t slot, tm_error *error)
{
    cell stack[TM_TORCH_MOST_ARGUMENTS];
    bool refused = false;
    const tm_status status = attempt(program, step, slot, stack, &refused, error);
    if (status != TM_OK) return status;
    if (refused) return explain(program, step, slot, error);
    for (int32_t i = 0; i < step->results; i++) {
        keep(program, slot, i == 0 ? step->result : -1, (tensor)(uintptr_t)stack[i]);
    }
    return TM_OK;
}

tm_status tm_torch_execute(tm_program *program, const tm_torch_steps *steps, int32_t slot, tm_error *error)
{
    const tm_torch *torch = &program->session->torch;
    for (int32_t i = 0; i < steps->count; i++) {
        const tm_torch_step *step = &steps->item[i];
        const tm_status status =
            step->scalar ? call_scalar(program, step, slot, error) : call_by_name(program, step, slot, error);
        if (status != TM_OK) return status;
        for (int32_t r = 0; r < step->releases; r++) tm_torch_free_tensor(torch, &program->live[step->release[r]]);
    }
    return TM_OK;
}
