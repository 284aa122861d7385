// System calls that Swift's Glibc module doesn't show. Each returns a result or -errno.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "CLinuxDevices.h"
#include "CLinuxFiles.h"

/// eventfd(2) in semaphore mode, close-on-exec.
int san_event_create(void);
/// Adds one to the event.
int san_event_signal(int descriptor);
/// Blocks until the event is above zero and takes one from it.
int san_event_wait(int descriptor);
/// pthread_setname_np(3) for the calling thread.
void san_thread_set_name(const char *_Nonnull name);
/// Notes each of these signals, where it isn't ignored, in a pipe; the second one of a kind acts as if nobody watched.
/// To be called once. Returns the pipe's end for san_signals_wait.
int san_signals_watch(const int *_Nullable signals, int count);
/// Blocks until there is a signal and returns its number.
int san_signals_wait(int pipe);
/// mallopt(M_ARENA_MAX): how many heaps the threads share; to be called before there is a second thread.
void san_memory_set_most_heaps(int count);
/// memfd_create(2), close-on-exec: a file without a name, in memory.
int san_memory_file_create(const char *_Nonnull name);
/// A stream socket, non-blocking and close-on-exec, connected to a name of unix(7); an abstract name is given without its NUL.
int san_unix_connect(const char *_Nonnull name, int is_abstract);
/// poll(2) of one descriptor for reading or writing: 1, 0 after so many milliseconds, or -errno.
int san_descriptor_wait(int descriptor, int is_writing, int milliseconds);
/// send(2) without SIGPIPE, once; never blocks.
int64_t san_socket_send(int descriptor, const void *_Nonnull bytes, size_t count);
