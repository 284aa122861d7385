#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int san_event_create(void) {
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
    return descriptor < 0 ? -errno : descriptor;
}

int san_event_signal(int descriptor) {
    return eventfd_write(descriptor, 1) < 0 ? -errno : 0;
}

int san_event_wait(int descriptor) {
    eventfd_t value;
    while (eventfd_read(descriptor, &value) < 0) {
        if (errno != EINTR) return -errno;
    }
    return 0;
}

void san_thread_set_name(const char *name) {
    (void)pthread_setname_np(pthread_self(), name);
}

void san_memory_set_most_heaps(int count) {
    (void)mallopt(M_ARENA_MAX, count);
}

static int signal_pipe = -1;

static void note_signal(int number) {
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    (void)!write(signal_pipe, &byte, 1);
    errno = saved;
}

int san_signals_watch(const int *signals, int count) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    signal_pipe = ends[1];
    for (int index = 0; index < count; index++) {
        struct sigaction action;
        if (sigaction(signals[index], NULL, &action) < 0 || action.sa_handler == SIG_IGN) continue;
        action = (struct sigaction){.sa_handler = note_signal, .sa_flags = SA_RESETHAND | SA_RESTART};
        (void)sigaction(signals[index], &action, NULL);
    }
    return ends[0];
}

int san_signals_wait(int pipe) {
    unsigned char byte;
    ssize_t count;
    do {
        count = read(pipe, &byte, 1);
    } while (count < 0 && errno == EINTR);
    return count == 1 ? byte : -EIO;
}

int san_memory_file_create(const char *name) {
    int descriptor = memfd_create(name, MFD_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

int san_unix_connect(const char *name, int is_abstract) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t start = is_abstract ? 1 : 0, length = strlen(name);
    if (length >= sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path + start, name, length);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return -errno;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + start + length);
    if (connect(descriptor, (struct sockaddr *)&address, size) == 0) return descriptor;
    int error = errno;
    (void)close(descriptor);
    return -error;
}

int san_descriptor_wait(int descriptor, int is_writing, int milliseconds) {
    struct pollfd wish = {.fd = descriptor, .events = is_writing ? POLLOUT : POLLIN};
    int count = poll(&wish, 1, milliseconds);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    return count > 0;
}

int64_t san_socket_send(int descriptor, const void *bytes, size_t count) {
    ssize_t sent = send(descriptor, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? -errno : sent;
}
