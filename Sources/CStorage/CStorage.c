#define _GNU_SOURCE
#include "CStorage.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

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
