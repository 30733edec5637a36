/* A first look at a file through its first 100 bytes, so that foreign files are refused before SQLite may touch them.
 *
 * SQLite's header (sqlite.org/fileformat2.html): 16 bytes magic; page size at 16; change counter at 24; pages at 28
 * (trustworthy when the number at 92 equals the change counter); user_version at 60; application_id at 68. */
#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER = 100 };

static uint32_t big_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static tm_status check_header(const char *path, const unsigned char *header, uint64_t size, bool lags, tm_error *error)
{
    if (size < HEADER || memcmp(header, "SQLite format 3", 16) != 0) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: not a results database; left as it is", path);
    }
    if (big_endian(header + 68) != TM_STORE_APPLICATION) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: a database of another program; left as it is", path);
    }
    const uint32_t version = big_endian(header + 60);
    if (version > TM_STORE_SCHEMA) {
        return tm_fail(error, TM_INVALID_ARGUMENT,
                       "%s: made by a newer version (schema %u, this one knows %d); left as it is", path, version,
                       TM_STORE_SCHEMA);
    }
    if (version == 0) return tm_fail(error, TM_INVALID_ARGUMENT, "%s: damaged (no schema); left as it is", path);
    const uint32_t raw = (uint32_t)header[16] << 8 | header[17];
    const uint64_t page = raw == 1 ? 65536 : raw;
    const uint64_t pages = big_endian(header + 28);
    const bool counted = big_endian(header + 24) == big_endian(header + 92);
    if (!lags && counted && pages * page > size) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: cut off (%llu of %llu bytes); left as it is", path,
                       (unsigned long long)size, (unsigned long long)(pages * page));
    }
    return TM_OK;
}

bool tm_store_has_side_file(const char *path, const char *ending)
{
    tm_text name = {0};
    tm_text_format(&name, "%s%s", path, ending);
    struct stat facts;
    const bool found = !name.failed && stat(name.data, &facts) == 0 && facts.st_size > 0;
    tm_text_free(&name);
    return found;
}

tm_status tm_store_look(const char *path, tm_store_presence *presence, tm_error *error)
{
    struct stat facts;
    *presence = TM_STORE_ABSENT;
    if (stat(path, &facts) != 0) {
        if (errno == ENOENT) return TM_OK;
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(facts.st_mode)) {
        return tm_fail(error, TM_INVALID_ARGUMENT, "%s: not a regular file", path);
    }
    if (facts.st_size == 0) return TM_OK;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return tm_fail(error, TM_INVALID_ARGUMENT, "%s: %s", path, strerror(errno));
    unsigned char header[HEADER] = {0};
    const ssize_t got = pread(fd, header, HEADER, 0);
    const int failure = errno;
    close(fd);
    if (got < 0) return tm_fail(error, TM_FAILED, "%s: %s", path, strerror(failure));
    *presence = TM_STORE_OURS;
    /* With a journal or log beside it, the file may lag behind its header: a killed checkpoint is made good by SQLite.
     */
    const bool lags = tm_store_has_side_file(path, "-journal") || tm_store_has_side_file(path, "-wal");
    return check_header(path, header, (uint64_t)facts.st_size, lags, error);
}

const char *tm_store_network_name(uint64_t magic)
{
    static const struct {
        uint64_t magic;
        const char *name;
    } systems[] = {
        {0x6969, "NFS"},      {0x517b, "SMB"},       {0xff534d42, "CIFS"},   {0xfe534d42, "SMB"},
        {0x65735546, "FUSE"}, {0x01021997, "9P"},    {0x00c36400, "Ceph"},   {0x0bd00bd0, "Lustre"},
        {0x47504653, "GPFS"}, {0x5346414f, "AFS"},   {0x73757245, "Coda"},   {0x786f4256, "VirtualBox"},
        {0x61636673, "ACFS"}, {0x7461636f, "OCFS2"}, {0x19830326, "BeeGFS"},
    };
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++) {
        if (systems[i].magic == (magic & 0xffffffff)) return systems[i].name;
    }
    return NULL;
}
