#define _GNU_SOURCE
#include "CStorage.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

int lather_keep_wal(struct sqlite3 *connection, int keep) {
    return sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep, (int *)0);
}

int lather_file_identity(const char *path, uint64_t identity[2]) {
    struct statx found;
    if (statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &found) != 0) return -1;
    identity[0] = found.stx_ino;
    identity[1] = found.stx_mask & STATX_BTIME ? (uint64_t)found.stx_btime.tv_sec * 1000000000u + found.stx_btime.tv_nsec : 0;
    return 0;
}

static _Thread_local int read_error;

/* For pread and pread64, which are the same where off_t has 64 bits. */
static ssize_t noting_pread(int descriptor, void *bytes, size_t count, off_t offset) {
    ssize_t got = pread(descriptor, bytes, count, offset);
    if (got < 0 && errno != EINTR) read_error = errno;
    return got;
}

void lather_watch_reads(void) {
    sqlite3_vfs *files = sqlite3_vfs_find((const char *)0);
    if (!files || files->iVersion < 3) return;
    /* Which of the two this SQLite was built to use is its own affair. */
    files->xSetSystemCall(files, "pread", (sqlite3_syscall_ptr)noting_pread);
    files->xSetSystemCall(files, "pread64", (sqlite3_syscall_ptr)noting_pread);
}

int lather_take_read_error(void) {
    int error = read_error;
    read_error = 0;
    return error;
}
