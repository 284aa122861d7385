#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>

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
