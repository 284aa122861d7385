#define _GNU_SOURCE
#include "CGlusterFS.h"

#include <dlfcn.h>
#include <errno.h>
#include <glusterfs/api/glfs-handles.h>
#include <glusterfs/api/glfs.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

// What is used of libgfapi, with the version of each symbol: 6.0 gave some of 3.4.0 other parameters.
#define SYMBOLS(X)                                                                                                     \
    X(glfs_new, "GFAPI_3.4.0")                                                                                         \
    X(glfs_set_logging, "GFAPI_3.4.0")                                                                                 \
    X(glfs_set_volfile_server, "GFAPI_3.4.0")                                                                          \
    X(glfs_set_xlator_option, "GFAPI_3.4.0")                                                                           \
    X(glfs_init, "GFAPI_3.4.0")                                                                                        \
    X(glfs_stat, "GFAPI_3.4.0")                                                                                        \
    X(glfs_lstat, "GFAPI_3.4.0")                                                                                       \
    X(glfs_fstat, "GFAPI_3.4.0")                                                                                       \
    X(glfs_statvfs, "GFAPI_3.4.0")                                                                                     \
    X(glfs_mkdir, "GFAPI_3.4.0")                                                                                       \
    X(glfs_rmdir, "GFAPI_3.4.0")                                                                                       \
    X(glfs_unlink, "GFAPI_3.4.0")                                                                                      \
    X(glfs_link, "GFAPI_3.4.0")                                                                                        \
    X(glfs_lchown, "GFAPI_3.4.0")                                                                                      \
    X(glfs_chmod, "GFAPI_3.4.0")                                                                                       \
    X(glfs_open, "GFAPI_3.4.0")                                                                                        \
    X(glfs_creat, "GFAPI_3.4.0")                                                                                       \
    X(glfs_close, "GFAPI_3.4.0")                                                                                       \
    X(glfs_opendir, "GFAPI_3.4.0")                                                                                     \
    X(glfs_closedir, "GFAPI_3.4.0")                                                                                    \
    X(glfs_posix_lock, "GFAPI_3.4.0")                                                                                  \
    X(glfs_fallocate, "GFAPI_3.5.0")                                                                                   \
    X(glfs_discard, "GFAPI_3.5.0")                                                                                     \
    X(glfs_h_anonymous_read, "GFAPI_3.7.0")                                                                            \
    X(glfs_getxattr, "GFAPI_3.4.0")                                                                                    \
    X(glfs_get_volfile, "GFAPI_3.6.0")                                                                                 \
    X(glfs_free, "GFAPI_3.7.16")                                                                                       \
    X(glfs_fd_set_lkowner, "GFAPI_3.10.7")                                                                             \
    X(glfs_xreaddirplus_r, "GFAPI_3.11.0")                                                                             \
    X(glfs_xreaddirplus_get_stat, "GFAPI_3.11.0")                                                                      \
    X(glfs_xreaddirplus_get_object, "GFAPI_3.11.0")                                                                    \
    X(glfs_pread, "GFAPI_6.0")                                                                                         \
    X(glfs_pwrite, "GFAPI_6.0")                                                                                        \
    X(glfs_ftruncate, "GFAPI_6.0")                                                                                     \
    X(glfs_fsync, "GFAPI_6.0")

// The header checks every signature.
#define X(name, version) __typeof__(&name) name;
static struct { SYMBOLS(X) } gfapi;
#undef X

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int failed = -1;
static char failure[256];
static char folder[PATH_MAX];

static void load(void) {
    void *library = dlopen("libgfapi.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *reason = dlerror();
        (void)snprintf(failure, sizeof failure, "%s", reason ? reason : "libgfapi.so.0 can't be loaded");
        return;
    }
#define X(name, version)                                                                                               \
    gfapi.name = (__typeof__(gfapi.name))dlvsym(library, #name, version);                                              \
    if (!gfapi.name) {                                                                                                 \
        (void)snprintf(failure, sizeof failure, "libgfapi.so.0 has no %s of %s: it is too old", #name, version);       \
        return;                                                                                                        \
    }
    SYMBOLS(X)
#undef X
    // The origin is at most PATH_MAX bytes.
    if (dlinfo(library, RTLD_DI_ORIGIN, folder) != 0) folder[0] = 0;
    failed = 0;
}

int san_gluster_load(char *reason, size_t length) {
    (void)pthread_once(&once, load);
    (void)snprintf(reason, length, "%s", failure);
    return failed;
}

const char *san_gluster_folder(void) {
    return folder;
}

// Some failures of libgfapi leave errno alone.
static int result(int code) {
    if (code >= 0) return 0;
    return errno > 0 ? -errno : -EIO;
}

static void take(const struct stat *from, struct san_gluster_status *status) {
    memset(status, 0, sizeof *status);
    status->size = from->st_size < 0 ? 0 : (uint64_t)from->st_size;
    status->allocation = from->st_blocks < 0 ? 0 : (uint64_t)from->st_blocks * 512;
    status->inode = from->st_ino;
    status->mode = from->st_mode;
    status->owner = from->st_uid;
    status->group = from->st_gid;
    status->access_seconds = from->st_atim.tv_sec;
    status->access_nanoseconds = (uint32_t)from->st_atim.tv_nsec;
    status->change_seconds = from->st_ctim.tv_sec;
    status->change_nanoseconds = (uint32_t)from->st_ctim.tv_nsec;
    status->modification_seconds = from->st_mtim.tv_sec;
    status->modification_nanoseconds = (uint32_t)from->st_mtim.tv_nsec;
}

int san_gluster_connect(
    const char *volume, const char *host, int port, const char *log, struct glfs **connection) {
    errno = 0;
    glfs_t *made = gfapi.glfs_new(volume);
    if (!made) return errno > 0 ? -errno : -ENOMEM;
    // 1: as little as there is. Without a log of ours the library makes one in its own folder.
    int code = gfapi.glfs_set_logging(made, log, 1);
    if (code >= 0) code = gfapi.glfs_set_volfile_server(made, "tcp", host, port);
    // Our calls have threads already: handing each to another of the library's is half of what a short one costs.
    if (code >= 0) code = gfapi.glfs_set_xlator_option(made, "*-io-threads", "pass-through", "on");
    errno = code < 0 ? errno : 0;
    if (code >= 0) code = gfapi.glfs_init(made);
    if (code != 0) return errno > 0 ? -errno : -ENOTCONN;
    *connection = made;
    return 0;
}

int san_gluster_status_of(
    struct glfs *connection, const char *path, int follows, struct san_gluster_status *status) {
    struct stat raw;
    memset(&raw, 0, sizeof raw);
    errno = 0;
    int code = follows ? gfapi.glfs_stat(connection, path, &raw) : gfapi.glfs_lstat(connection, path, &raw);
    if (code < 0) return result(code);
    // It answers so for "/" where the brick doesn't answer it (glfs_resolve_at, 10.3).
    if (!raw.st_mode) return errno > 0 ? -errno : -ENOTCONN;
    take(&raw, status);
    return 0;
}

int san_gluster_space(struct glfs *connection, const char *path, uint64_t *capacity, uint64_t *free) {
    struct statvfs raw;
    errno = 0;
    int code = gfapi.glfs_statvfs(connection, path, &raw);
    if (code < 0) return result(code);
    if (__builtin_mul_overflow((uint64_t)raw.f_blocks, (uint64_t)raw.f_frsize, capacity)) *capacity = UINT64_MAX;
    if (__builtin_mul_overflow((uint64_t)raw.f_bfree, (uint64_t)raw.f_frsize, free)) *free = UINT64_MAX;
    return 0;
}

int64_t san_gluster_attribute(
    struct glfs *connection, const char *path, const char *name, void *buffer, size_t length) {
    errno = 0;
    ssize_t got = gfapi.glfs_getxattr(connection, path, name, buffer, length);
    return got < 0 ? result(-1) : (int64_t)got;
}

int64_t san_gluster_volume_file(struct glfs *connection, char *buffer, size_t length) {
    // It copies as many bytes as it is given room for, also behind the end of what it has (10.3): it gets the exact length.
    char one;
    ssize_t answer = gfapi.glfs_get_volfile(connection, &one, 1);
    if (answer >= 0) return 0;
    size_t whole = (size_t)-answer + 1;
    if (whole > length) return -E2BIG;
    answer = gfapi.glfs_get_volfile(connection, buffer, whole);
    return answer < 0 ? 0 : (int64_t)answer;
}

int san_gluster_make_folder(struct glfs *connection, const char *path, uint32_t mode) {
    errno = 0;
    return result(gfapi.glfs_mkdir(connection, path, mode));
}

int san_gluster_remove_folder(struct glfs *connection, const char *path) {
    errno = 0;
    return result(gfapi.glfs_rmdir(connection, path));
}

int san_gluster_remove(struct glfs *connection, const char *path) {
    errno = 0;
    return result(gfapi.glfs_unlink(connection, path));
}

int san_gluster_link(struct glfs *connection, const char *path, const char *name) {
    errno = 0;
    return result(gfapi.glfs_link(connection, path, name));
}

int san_gluster_change_owner(struct glfs *connection, const char *path, uint32_t owner, uint32_t group) {
    errno = 0;
    return result(gfapi.glfs_lchown(connection, path, owner, group));
}

int san_gluster_change_mode(struct glfs *connection, const char *path, uint32_t mode) {
    errno = 0;
    return result(gfapi.glfs_chmod(connection, path, mode));
}

int san_gluster_open(struct glfs *connection, const char *path, int writes, struct glfs_fd **file) {
    errno = 0;
    *file = gfapi.glfs_open(connection, path, writes ? O_RDWR : O_RDONLY);
    return *file ? 0 : result(-1);
}

int san_gluster_create(struct glfs *connection, const char *path, uint32_t mode, struct glfs_fd **file) {
    errno = 0;
    *file = gfapi.glfs_creat(connection, path, O_RDWR | O_EXCL, mode);
    return *file ? 0 : result(-1);
}

int san_gluster_close(struct glfs_fd *file) {
    errno = 0;
    return result(gfapi.glfs_close(file));
}

int san_gluster_status(struct glfs_fd *file, struct san_gluster_status *status) {
    struct stat raw;
    memset(&raw, 0, sizeof raw);
    errno = 0;
    int code = gfapi.glfs_fstat(file, &raw);
    if (code < 0) return result(code);
    take(&raw, status);
    return 0;
}

int64_t san_gluster_read(struct glfs_fd *file, void *buffer, size_t count, uint64_t offset) {
    size_t done = 0;
    while (done < count) {
        errno = 0;
        ssize_t got =
            gfapi.glfs_pread(file, (char *)buffer + done, count - done, (off_t)(offset + done), 0, NULL);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return result(-1);
        if (got == 0) break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

int64_t san_gluster_write(struct glfs_fd *file, const void *buffer, size_t count, uint64_t offset) {
    size_t done = 0;
    while (done < count) {
        errno = 0;
        ssize_t put = gfapi.glfs_pwrite(
            file, (const char *)buffer + done, count - done, (off_t)(offset + done), 0, NULL, NULL);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return result(-1);
        if (put == 0) return -EIO;
        done += (size_t)put;
    }
    return (int64_t)done;
}

int san_gluster_truncate(struct glfs_fd *file, uint64_t size) {
    errno = 0;
    return result(gfapi.glfs_ftruncate(file, (off_t)size, NULL, NULL));
}

int san_gluster_allocate(struct glfs_fd *file, uint64_t offset, uint64_t count, int keep_size) {
    errno = 0;
    return result(gfapi.glfs_fallocate(file, keep_size, (off_t)offset, count));
}

int san_gluster_punch(struct glfs_fd *file, uint64_t offset, uint64_t count) {
    errno = 0;
    return result(gfapi.glfs_discard(file, (off_t)offset, count));
}

int san_gluster_sync(struct glfs_fd *file) {
    errno = 0;
    return result(gfapi.glfs_fsync(file, NULL, NULL));
}

int san_gluster_try_lock(struct glfs_fd *file, uint64_t owner) {
    errno = 0;
    int code = gfapi.glfs_fd_set_lkowner(file, &owner, sizeof owner);
    if (code < 0) return result(code);
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    errno = 0;
    return result(gfapi.glfs_posix_lock(file, F_SETLK, &lock));
}

int san_gluster_open_folder(struct glfs *connection, const char *path, struct glfs_fd **folder) {
    errno = 0;
    *folder = gfapi.glfs_opendir(connection, path);
    return *folder ? 0 : result(-1);
}

int san_gluster_close_folder(struct glfs_fd *folder) {
    errno = 0;
    return result(gfapi.glfs_closedir(folder));
}

int san_gluster_next(
    struct glfs_fd *folder, char *name, size_t length, struct san_gluster_status *status, int *has_status,
    struct glfs_xreaddirp_stat **entry) {
    // The kernel's and Gluster's names have 255 bytes; the library copies as many as there are.
    struct {
        struct dirent entry;
        char more[512];
    } room;
    struct dirent *found = NULL;
    glfs_xreaddirp_stat_t *extra = NULL;
    memset(&room, 0, sizeof room);
    errno = 0;
    int flags = gfapi.glfs_xreaddirplus_r(
        folder, GFAPI_XREADDIRP_STAT | GFAPI_XREADDIRP_HANDLE, &extra, &room.entry, &found);
    if (flags < 0) return result(flags);
    *entry = NULL;
    *has_status = 0;
    if (!found) {
        if (extra) gfapi.glfs_free(extra);
        return 0;
    }
    (void)snprintf(name, length, "%s", found->d_name);
    struct stat *raw = extra && (flags & GFAPI_XREADDIRP_STAT) ? gfapi.glfs_xreaddirplus_get_stat(extra) : NULL;
    if (raw && raw->st_mode) {
        take(raw, status);
        *has_status = 1;
    }
    if (extra && (flags & GFAPI_XREADDIRP_HANDLE) && gfapi.glfs_xreaddirplus_get_object(extra)) {
        *entry = extra;
    } else if (extra) {
        gfapi.glfs_free(extra);
    }
    return 1;
}

int64_t san_gluster_read_entry(
    struct glfs *connection, struct glfs_xreaddirp_stat *entry, void *buffer, size_t count, uint64_t offset) {
    glfs_object_t *object = gfapi.glfs_xreaddirplus_get_object(entry);
    if (!object) return -ESTALE;
    errno = 0;
    ssize_t got = gfapi.glfs_h_anonymous_read(connection, object, buffer, count, (off_t)offset);
    return got < 0 ? result(-1) : (int64_t)got;
}

void san_gluster_free_entry(struct glfs_xreaddirp_stat *entry) {
    gfapi.glfs_free(entry);
}
