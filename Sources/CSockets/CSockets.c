#include "CSockets.h"

#include <sys/epoll.h>

enum { BATCH = 64 };

int lather_poll_open(void) { return epoll_create1(EPOLL_CLOEXEC); }

int lather_poll_ask(int set, int descriptor, uint64_t token, uint32_t directions, int isNew) {
    struct epoll_event event = {.events = EPOLLONESHOT, .data.u64 = token};
    if (directions & LATHER_READABLE) event.events |= EPOLLIN | EPOLLRDHUP;
    if (directions & LATHER_WRITABLE) event.events |= EPOLLOUT;
    return epoll_ctl(set, isNew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, &event);
}

void lather_poll_remove(int set, int descriptor) {
    struct epoll_event unused = {0};
    (void)epoll_ctl(set, EPOLL_CTL_DEL, descriptor, &unused);
}

int lather_poll_wait(int set, struct lather_ready *ready, int capacity) {
    struct epoll_event events[BATCH];
    int count = epoll_wait(set, events, capacity < BATCH ? capacity : BATCH, -1);
    for (int i = 0; i < count; i++) {
        uint32_t found = events[i].events, directions = 0;
        if (found & (EPOLLIN | EPOLLRDHUP)) directions |= LATHER_READABLE;
        if (found & EPOLLOUT) directions |= LATHER_WRITABLE;
        /* Who reads or writes is told by the system what has happened. */
        if (found & (EPOLLHUP | EPOLLERR)) directions |= LATHER_READABLE | LATHER_WRITABLE;
        ready[i] = (struct lather_ready){.token = events[i].data.u64, .directions = directions};
    }
    return count;
}
