#ifndef LATHER_CSOCKETS_H
#define LATHER_CSOCKETS_H

/* What HTTPServer needs of Linux and Swift's Glibc does not have. */

#include <stdint.h>

/* Which directions of a descriptor are meant. */
enum { LATHER_READABLE = 1, LATHER_WRITABLE = 2 };

struct lather_ready {
    uint64_t token;
    uint32_t directions;
};

/* A set of descriptors to wait for. Returns its descriptor, or -1 with errno. */
int lather_poll_open(void);

/* Asks to be told once when one of the directions is ready, or has ended or failed; asking anew takes the place of asking
   before, and no direction asks for nothing. isNew says that the set does not have the descriptor yet. Returns 0, or -1 with
   errno. */
int lather_poll_ask(int set, int descriptor, uint64_t token, uint32_t directions, int isNew);

/* Takes a descriptor out of the set. */
void lather_poll_remove(int set, int descriptor);

/* Waits until something is ready. Returns how many entries were filled, or -1 with errno. */
int lather_poll_wait(int set, struct lather_ready *ready, int capacity);

#endif
