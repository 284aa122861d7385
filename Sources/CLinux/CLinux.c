#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
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
