/* Landlock for files: every right that changes the file system is handled, and granted again only below the scratch
 * folder and, to existing files, for the devices that GPU drivers and C libraries write to. Reading is free.
 * Seccomp for the network: socket() of any family but UNIX and NETLINK fails with EACCES, and so does io_uring, which
 * could open sockets past the filter. Both need no privilege once no_new_privs is set. */
#include "run/sandbox.h"

#include <fcntl.h>
#include <glob.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* Rights to existing files, and to the folder's contents. */
static const uint64_t file_rights = LANDLOCK_ACCESS_FS_WRITE_FILE;
static const uint64_t folder_rights =
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

static uint64_t newer_rights(long version)
{
    uint64_t rights = 0;
#ifdef LANDLOCK_ACCESS_FS_REFER
    if (version >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
#endif
#ifdef LANDLOCK_ACCESS_FS_TRUNCATE
    if (version >= 3) rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
#endif
    return rights;
}

static void allow(int ruleset, const char *path, uint64_t rights)
{
    const int place = open(path, O_PATH | O_CLOEXEC);
    if (place < 0) return;
    struct stat info;
    if (fstat(place, &info) == 0) {
        if (!S_ISDIR(info.st_mode)) rights &= ~(folder_rights | newer_rights(2));
        const struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = place};
        syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    }
    close(place);
}

static bool enter_landlock(const char *scratch)
{
    const long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) return false;
    const uint64_t all = file_rights | folder_rights | newer_rights(version);
    const struct landlock_ruleset_attr attributes = {.handled_access_fs = all};
    const int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0);
    if (ruleset < 0) return false;
    if (scratch[0]) allow(ruleset, scratch, all);
    /* Truncation is part of opening a device for writing on some paths. */
    static const char *const devices[] = {"/dev/null",    "/dev/zero", "/dev/full",    "/dev/random",
                                          "/dev/urandom", "/dev/kfd",  "/dev/nvidia*", "/dev/dri/*"};
    const uint64_t to_device = all & ~folder_rights & ~newer_rights(2);
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        glob_t found;
        if (glob(devices[i], 0, NULL, &found) != 0) continue;
        for (size_t j = 0; j < found.gl_pathc; j++) allow(ruleset, found.gl_pathv[j], to_device);
        globfree(&found);
    }
    const bool done = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    close(ruleset);
    return done;
}

static bool enter_seccomp(void)
{
#ifdef OWN_ARCHITECTURE
    enum { low_word = 0 }; /* of a 64-bit argument; both machines are little-endian */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 0, 7),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 5, 0), /* the x32 numbering */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + low_word),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
#else
    return false;
#endif
}

void tm_sandbox_enter(const char *scratch, bool network, char *level, size_t capacity)
{
    level[0] = '\0';
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return;
    const bool files = enter_landlock(scratch);
    const bool sockets = !network && enter_seccomp();
    snprintf(level, capacity, "%s%s%s", files ? "landlock" : "", files && sockets ? ", " : "",
             sockets ? "seccomp" : "");
}
