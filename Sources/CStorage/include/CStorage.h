#ifndef LATHER_CSTORAGE_H
#define LATHER_CSTORAGE_H

/* What Storage needs of the system and cannot call from Swift. */

#include <stdint.h>

struct sqlite3;

/* Whether closing the connection leaves its write-ahead log as it is; the last one to close otherwise moves it into the
   database and deletes it. Returns an SQLite result code. */
int lather_keep_wal(struct sqlite3 *connection, int keep);

/* Which file a path leads to: inode and, because inodes are used again, when it was made, in nanoseconds (0 on a file system
   that does not know). Not its device, whose number may be another after a restart of the machine. Does not open it: closing
   it again would drop SQLite's locks. Returns 0, or -1 with errno. */
int lather_file_identity(const char *path, uint64_t identity[2]);

/* Has SQLite read files through this library, which notes when the system fails to: SQLite itself reports a device that
   failed as a damaged file. Call it before the first connection is opened. */
void lather_watch_reads(void);

/* The errno of the last read that failed on this thread since this was last asked; 0 is none. */
int lather_take_read_error(void);

#endif
