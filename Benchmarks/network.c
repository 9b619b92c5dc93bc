// Two ends of a socket for Benchmarks/network.py, with nothing of Lather's: what a machine's sockets can do at best.
//
//   sockets receive ADDRESS          accepts connections one after another; reads each request's body into one small buffer
//                                    that it uses again and again, and answers 422. Prints its address first.
//   sockets send ADDRESS FILE COUNT  sends the file, a whole request, so many times on one connection. Prints for each the
//                                    status, and the nanoseconds until the last byte was sent and until the answer was read.
//
// An ADDRESS is a port of 127.0.0.1 (0 for a free one) or a path of a Unix socket.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 256 << 10 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static long long nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/// A socket, bound and listening or connected.
static int open_socket(const char *address, int listens) {
    struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    int is_path = strchr(address, '/') != NULL;
    if (is_path) strncpy(local.sun_path, address, sizeof local.sun_path - 1);
    else tcp.sin_port = htons((unsigned short)atoi(address));
    const struct sockaddr *name = is_path ? (struct sockaddr *)&local : (struct sockaddr *)&tcp;
    socklen_t length = is_path ? sizeof local : sizeof tcp;
    int descriptor = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) fail("socket");
    if (!listens) {
        if (connect(descriptor, name, length) != 0) fail("connect");
        return descriptor;
    }
    if (bind(descriptor, name, length) != 0 || listen(descriptor, 16) != 0) fail("listen");
    socklen_t got = sizeof tcp;
    if (is_path) puts(address);
    else if (getsockname(descriptor, (struct sockaddr *)&tcp, &got) == 0) printf("%d\n", ntohs(tcp.sin_port));
    fflush(stdout);
    return descriptor;
}

/// The length that a message's head announces, and the head's own; 0 while the head is not whole.
static size_t message_length(const char *bytes, size_t *head) {
    const char *end = strstr(bytes, "\r\n\r\n");
    if (!end) return 0;
    const char *field = strcasestr(bytes, "\r\nContent-Length:");
    *head = (size_t)(end + 4 - bytes);
    return *head + (field && field < end ? strtoull(field + 17, NULL, 10) : 0);
}

/// Reads one message as fast as the socket gives it; its first bytes are left in `buffer`. False at the connection's end.
static int read_message(int descriptor, char *buffer) {
    size_t received = 0, whole = 0, head = 0;
    while (whole == 0 || received < whole) {
        char *to = whole == 0 ? buffer + received : buffer + head;
        size_t room = whole == 0 ? PIECE - 1 - received : PIECE - head;
        if (whole > 0 && room > whole - received) room = whole - received;
        ssize_t count = recv(descriptor, to, room, 0);
        if (count <= 0) return 0;
        received += (size_t)count;
        if (whole == 0) {
            buffer[received] = 0;
            whole = message_length(buffer, &head);
        }
    }
    return 1;
}

static void receive(const char *address) {
    static const char answer[] = "HTTP/1.1 422 Unprocessable Content\r\nContent-Length: 0\r\n\r\n";
    char *buffer = malloc(PIECE);
    int listener = open_socket(address, 1);
    for (;;) {
        int descriptor = accept(listener, NULL, NULL), on = 1;
        if (descriptor < 0) fail("accept");
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        while (read_message(descriptor, buffer) && send(descriptor, answer, sizeof answer - 1, MSG_NOSIGNAL) > 0) {}
        close(descriptor);
    }
}

static void send_file(const char *address, const char *path, int count) {
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC), on = 1;
    if (file < 0 || fstat(file, &status) != 0) fail(path);
    size_t length = (size_t)status.st_size;
    char *bytes = malloc(length), *answer = malloc(PIECE);
    for (size_t have = 0; have < length;) {
        ssize_t got = read(file, bytes + have, length - have);
        if (got <= 0) fail(path);
        have += (size_t)got;
    }
    int descriptor = open_socket(address, 0);
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (count-- > 0) {
        long long began = nanoseconds();
        for (size_t sent = 0; sent < length;) {
            ssize_t moved = send(descriptor, bytes + sent, length - sent, MSG_NOSIGNAL);
            if (moved <= 0) fail("send");
            sent += (size_t)moved;
        }
        long long sent = nanoseconds();
        if (!read_message(descriptor, answer)) fail("no answer");
        printf("%.3s %lld %lld\n", answer + 9, sent - began, nanoseconds() - began);
    }
}

int main(int count, char **arguments) {
    if (count == 3 && strcmp(arguments[1], "receive") == 0) receive(arguments[2]);
    else if (count == 5 && strcmp(arguments[1], "send") == 0) send_file(arguments[2], arguments[3], atoi(arguments[4]));
    else return 64;
    return 0;
}
