#define _GNU_SOURCE

#include "CSockets.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int lather_poll_open(void) { return epoll_create1(EPOLL_CLOEXEC); }

int lather_poll_open_waker(int set, uint64_t token) {
    int waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (waker < 0) return -1;
    /* Edge-triggered: each wake is reported once, and nobody has to read the counter. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = token};
    if (epoll_ctl(set, EPOLL_CTL_ADD, waker, &event) == 0) return waker;
    int reason = errno;
    close(waker);
    errno = reason;
    return -1;
}

void lather_poll_wake(int waker) { (void)eventfd_write(waker, 1); }

int lather_poll_report(int set, int descriptor, uint64_t token, uint32_t directions, int isNew) {
    struct epoll_event event = {.data.u64 = token};
    if (directions & LATHER_READABLE) event.events |= EPOLLIN | EPOLLRDHUP;
    if (directions & LATHER_WRITABLE) event.events |= EPOLLOUT;
    return epoll_ctl(set, isNew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, &event);
}

void lather_poll_ignore(int set, int descriptor) {
    struct epoll_event unused = {0};
    (void)epoll_ctl(set, EPOLL_CTL_DEL, descriptor, &unused);
}

int lather_poll_wait(int set, struct lather_ready *ready, int mayWait) {
    struct epoll_event events[LATHER_POLL_BATCH];
    int count = epoll_wait(set, events, LATHER_POLL_BATCH, mayWait ? -1 : 0);
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

void lather_name_thread(const char *name) { (void)pthread_setname_np(pthread_self(), name); }
