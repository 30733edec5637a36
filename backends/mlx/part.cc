/* The table that this part exports: each entry of the interface, with what is thrown made a status and one line. */
#include "part.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>
#include <sstream>

#include <dlfcn.h>
#include <unistd.h>

namespace
{
namespace mx = mlx::core;
using tm_mlx::failure;

tm_status fill(tm_error *error, tm_status status, const char *words)
{
    if (!error) return status;
    std::snprintf(error->message, sizeof error->message, "%s", words);
    error->message[std::strcspn(error->message, "\r\n")] = '\0';
    return status;
}

/* MLX has one kind of error; what it is about is in the words. */
tm_status status_of(const char *words, const mx::Device &device)
{
    if (std::strstr(words, "Unable to allocate") || std::strstr(words, "out of memory")) {
        return device == mx::Device::gpu ? TM_DEVICE_OUT_OF_MEMORY : TM_OUT_OF_MEMORY;
    }
    return std::strstr(words, "Command buffer execution failed") ? TM_DEVICE_ERROR : TM_FAILED;
}

template <typename Work> tm_status guarded(tm_error *error, Work work)
{
    try {
        work();
        return TM_OK;
    } catch (const failure &why) {
        return fill(error, why.status, why.what());
    } catch (const std::bad_alloc &) {
        return fill(error, TM_OUT_OF_MEMORY, "out of memory");
    } catch (const std::exception &why) {
        return fill(error, status_of(why.what(), mx::default_device()), why.what());
    } catch (...) {
        return fill(error, TM_FAILED, "MLX threw something that is no error");
    }
}

mx::Device device_of(const char *name)
{
    const mx::Device device(std::strcmp(name, "gpu") == 0 ? mx::Device::gpu : mx::Device::cpu);
    if (mx::is_available(device)) return device;
    throw failure(TM_UNSUPPORTED, std::string("MLX ") + mx::version() + " has no " + name +
                                      " here: mlx:gpu needs macOS on Apple silicon (Metal), or mlx[cuda12] and an "
                                      "NVIDIA GPU");
}

/* MLX's own work on the processor is done by one thread; products in float32 are the BLAS's, which may have a pool of
 * its own. True if it has one: it is set to `threads`, and the number is read back. */
bool set_blas_threads(int32_t threads)
{
    static const char *const names[][2] = {{"openblas_set_num_threads", "openblas_get_num_threads"},
                                           {"bli_thread_set_num_threads", "bli_thread_get_num_threads"},
                                           {"MKL_Set_Num_Threads", "MKL_Get_Max_Threads"}};
    for (const auto &name : names) {
        void *set = dlsym(RTLD_DEFAULT, name[0]), *get = dlsym(RTLD_DEFAULT, name[1]);
        if (!set || !get) continue;
        /* BLIS counts in 64 bits, which passes in the same registers. */
        reinterpret_cast<void (*)(int64_t)>(set)(threads);
        const auto got = static_cast<int32_t>(reinterpret_cast<int64_t (*)()>(get)());
        if (got == threads) return true;
        throw failure(TM_FAILED, std::string(name[0]) + " was told " + std::to_string(threads) + " and has " +
                                     std::to_string(got) + " threads");
    }
#ifdef __APPLE__
    return true; /* Accelerate: VECLIB_MAXIMUM_THREADS, which is set before this process begins */
#else
    return false;
#endif
}

/* MLX generates C++ for its CPU kernels and hands it to g++. */
bool has_compiler()
{
    const char *path = std::getenv("PATH");
    std::istringstream folders(path ? path : "");
    for (std::string folder; std::getline(folders, folder, ':');) {
        if (access((std::filesystem::path(folder) / "g++").c_str(), X_OK) == 0) return true;
    }
    return false;
}

void take_option(tm_session &session, const std::string &word)
{
    const bool gpu = session.device == mx::Device::gpu;
    if (word == "compile") {
        if (!session.can_compile) {
            throw failure(TM_UNSUPPORTED, "mlx:cpu+compile needs g++ on PATH: mx.compile builds its kernels with it");
        }
        session.compiles = true;
    } else if (word == "tf32") {
        if (!gpu) throw failure(TM_UNSUPPORTED, "mlx:cpu has no TF32, only mlx:gpu");
        session.tf32 = true;
    } else if (word == "tuned") {
        throw failure(TM_UNSUPPORTED,
                      "mlx has no +tuned: none of its calls writes into an array that is there already");
    } else {
        throw failure(TM_UNSUPPORTED, "mlx has no option '" + word + "'");
    }
}

tm_status part_probe(const char *device, const char *, tm_device_info *info, tm_error *error)
{
    return guarded(error, [&] {
        const mx::Device found = device_of(device);
        std::snprintf(info->framework, sizeof info->framework, "MLX %.40s", mx::version());
        if (found == mx::Device::cpu) return; /* its name is not MLX's to tell */
        const auto &facts = mx::device_info(found);
        const auto name = facts.find("device_name");
        const auto *words = name == facts.end() ? nullptr : std::get_if<std::string>(&name->second);
        std::snprintf(info->device, sizeof info->device, "%s", words ? words->c_str() : "gpu");
    });
}

tm_status part_open(const char *device, const char *, const char *options, int32_t threads, const tm_host *host,
                    tm_session **session, tm_error *error)
{
    return guarded(error, [&] {
        const mx::Device found = device_of(device);
        auto opened = std::make_unique<tm_session>(tm_session{host, found, false, false, threads > 1, false, false});
        opened->has_blas_threads = set_blas_threads(threads);
        opened->can_compile = found == mx::Device::gpu || has_compiler();
        std::istringstream words(options);
        for (std::string word; std::getline(words, word, ',');) take_option(*opened, word);
        /* Read when the first product runs. MLX's own default is to allow it. */
        setenv("MLX_ENABLE_TF32", opened->tf32 ? "1" : "0", 1);
        mx::set_default_device(found);
        mx::enable_compile(); /* whatever MLX_DISABLE_COMPILE says */
        mx::reset_peak_memory();
        *session = opened.release();
    });
}

tm_status part_supports(tm_session *session, const tm_graph *graph, tm_error *error)
{
    return guarded(error, [&] { tm_mlx::supports(*session, graph); });
}

tm_status part_compile(tm_session *session, const tm_graph *graph, int32_t slots, tm_program **program, tm_error *error)
{
    return guarded(error, [&] { *program = tm_mlx::compile(*session, graph, slots); });
}

void part_declared(const tm_program *program, tm_declared *into)
{
    *into = tm_mlx::declared(*program);
}

tm_status part_bind(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, const void *data,
                    size_t bytes, tm_error *error)
{
    return guarded(error, [&] { tm_mlx::bind(*program, slot, input, offset_bytes, data, bytes); });
}

void part_unbind(tm_program *program)
{
    guarded(nullptr, [&] { tm_mlx::unbind(*program); });
}

tm_status part_run(tm_program *program, int32_t first_slot, int64_t count, tm_error *error)
{
    return guarded(error, [&] { tm_mlx::run(*program, first_slot, count); });
}

tm_status part_sync(tm_session *, tm_error *error)
{
    return guarded(error, [] { mx::synchronize(); });
}

tm_status part_read(tm_program *program, int32_t output, size_t offset_bytes, size_t bytes, void *into, tm_error *error)
{
    return guarded(error, [&] { tm_mlx::read(*program, output, offset_bytes, bytes, into); });
}

tm_status part_memory(tm_session *session, uint64_t *host_bytes, uint64_t *device_bytes, tm_error *error)
{
    return guarded(error, [&] {
        const uint64_t peak = mx::get_peak_memory();
        const bool gpu = session->device == mx::Device::gpu;
        *host_bytes = gpu ? 0 : peak;
        *device_bytes = gpu ? peak : 0;
    });
}

void part_discard(tm_program *program)
{
    guarded(nullptr, [&] { tm_mlx::discard(program); });
}

void part_close(tm_session *session)
{
    guarded(nullptr, [&] {
        mx::synchronize();
        mx::clear_cache();
    });
    delete session;
}

void part_poison(tm_program *program)
{
    guarded(nullptr, [&] { tm_mlx::poison(*program); });
}

tm_status part_read_input(tm_program *program, int32_t slot, int32_t input, size_t offset_bytes, size_t bytes,
                          void *into, tm_error *error)
{
    return guarded(error, [&] { tm_mlx::read_input(*program, slot, input, offset_bytes, bytes, into); });
}

tm_backend make_table()
{
    tm_backend table{};
    table.size = sizeof table;
    table.abi = TM_BACKEND_ABI;
    table.flags = TM_PARALLEL_READ;
    table.name = "mlx";
    table.probe = part_probe;
    table.open = part_open;
    table.supports = part_supports;
    table.compile = part_compile;
    table.declared = part_declared;
    table.bind = part_bind;
    table.unbind = part_unbind;
    table.run = part_run;
    table.sync = part_sync;
    table.read = part_read;
    table.memory = part_memory;
    table.discard = part_discard;
    table.close = part_close;
    table.poison = part_poison;
    table.read_input = part_read_input;
    return table;
}

} // namespace

extern "C" TM_EXPORT const tm_backend *tensormark_mlx_part(void)
{
    static const tm_backend table = make_table();
    return &table;
}
