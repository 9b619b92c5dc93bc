#ifndef LATHER_CSOCKETS_H
#define LATHER_CSOCKETS_H

/* What HTTPServer needs of Linux and Swift's Glibc does not have. */

#include <stdint.h>

/* Which directions of a descriptor are meant. */
enum { LATHER_READABLE = 1, LATHER_WRITABLE = 2 };

/* How many descriptors are told of at once, at most. */
enum { LATHER_POLL_BATCH = 64 };

struct lather_ready {
    uint64_t token;
    uint32_t directions;
};

/* A set of descriptors to wait for. Returns its descriptor, or -1 with errno. */
int lather_poll_open(void);

/* Adds a descriptor to the set by which other threads end a wait: it is then reported once with this token and no direction.
   Returns the descriptor, or -1 with errno. */
int lather_poll_open_waker(int set, uint64_t token);

/* Ends a present wait for the set, or the next. */
void lather_poll_wake(int waker);

/* Has it reported whenever one of the directions is ready, or has ended or failed, in place of what was reported before.
   isNew says that the set does not have the descriptor. Returns 0, or -1 with errno. */
int lather_poll_report(int set, int descriptor, uint64_t token, uint32_t directions, int isNew);

/* Takes a descriptor out of the set. */
void lather_poll_ignore(int set, int descriptor);

/* What is ready now, or, if nothing is and mayWait says so, once something is. Returns how many of LATHER_POLL_BATCH entries
   were filled, or -1 with errno. */
int lather_poll_wait(int set, struct lather_ready *ready, int mayWait);

/* Names the calling thread for whoever looks at the process; of at most 15 bytes. */
void lather_name_thread(const char *name);

#endif
