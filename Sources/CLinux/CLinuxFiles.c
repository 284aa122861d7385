#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "CLinuxFiles.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

static int64_t result(int64_t value) {
    return value < 0 ? -errno : value;
}

int san_file_open(int folder, const char *name, int flags, uint32_t mode) {
    int descriptor;
    do descriptor = openat(folder, name, flags | O_CLOEXEC, (mode_t)mode);
    while (descriptor < 0 && errno == EINTR);
    return (int)result(descriptor);
}

int san_file_open_beneath(int folder, const char *path, int flags) {
    struct open_how how = {
        .flags = (uint64_t)flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    long descriptor;
    do descriptor = syscall(SYS_openat2, folder, path, &how, sizeof how);
    while (descriptor < 0 && (errno == EINTR || errno == EAGAIN));
    return (int)result(descriptor);
}

int san_file_close(int descriptor) {
    return (int)result(close(descriptor));
}

int san_file_duplicate(int descriptor) {
    return (int)result(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
}

int san_file_modes(int descriptor) {
    return (int)result(fcntl(descriptor, F_GETFL));
}

/// FNV-1a, never 0. The file system's handle of a file, on NFS the server's, differs from that of an earlier file of the same inode number.
static uint64_t handle(int folder, const char *name, int flags) {
    union {
        struct file_handle handle;
        unsigned char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } buffer;
    int mount;
    buffer.handle.handle_bytes = MAX_HANDLE_SZ;
    if (name_to_handle_at(folder, name, &buffer.handle, &mount, flags) < 0) return 0;
    uint64_t digest = UINT64_C(0xCBF29CE484222325) ^ (uint32_t)buffer.handle.handle_type;
    for (unsigned i = 0; i < buffer.handle.handle_bytes && i < MAX_HANDLE_SZ; i++)
        digest = (digest ^ buffer.handle.f_handle[i]) * UINT64_C(0x100000001B3);
    return digest ? digest : 1;
}

static int status(int folder, const char *name, int flags, struct san_file_status *out) {
    struct statx from;
    if (statx(folder, name, flags, STATX_BASIC_STATS | STATX_BTIME, &from) < 0) return -errno;
    out->size = from.stx_size;
    out->allocation = from.stx_blocks * 512;
    out->inode = from.stx_ino;
    out->device = (uint64_t)from.stx_dev_major << 32 | from.stx_dev_minor;
    int is_node = S_ISBLK(from.stx_mode) || S_ISCHR(from.stx_mode);
    out->node = is_node ? (uint64_t)from.stx_rdev_major << 32 | from.stx_rdev_minor : 0;
    out->mode = from.stx_mode;
    out->owner = from.stx_uid;
    out->group = from.stx_gid;
    out->block_size = from.stx_blksize;
    out->access_seconds = from.stx_atime.tv_sec;
    out->access_nanoseconds = from.stx_atime.tv_nsec;
    out->birth_seconds = from.stx_btime.tv_sec;
    out->birth_nanoseconds = from.stx_btime.tv_nsec;
    out->change_seconds = from.stx_ctime.tv_sec;
    out->change_nanoseconds = from.stx_ctime.tv_nsec;
    out->modification_seconds = from.stx_mtime.tv_sec;
    out->modification_nanoseconds = from.stx_mtime.tv_nsec;
    out->has_birth = (from.stx_mask & STATX_BTIME) != 0;
    // Links aren't followed unless asked for, so of the flags only this one means something here.
    out->handle = is_node ? 0 : handle(folder, name, flags & AT_EMPTY_PATH);
    return 0;
}

int san_file_status(int descriptor, struct san_file_status *out) {
    return status(descriptor, "", AT_EMPTY_PATH, out);
}

int san_file_status_at(int folder, const char *name, struct san_file_status *out) {
    return status(folder, name, AT_SYMLINK_NOFOLLOW, out);
}

int san_file_status_behind(int folder, const char *name, struct san_file_status *out) {
    // What is cached will do: a file server that hangs must not hold the caller.
    return status(folder, name, AT_STATX_DONT_SYNC, out);
}

static uint64_t product(uint64_t left, uint64_t right) {
    uint64_t value;
    return __builtin_mul_overflow(left, right, &value) ? UINT64_MAX : value;
}

int san_file_system(int descriptor, struct san_file_system *out) {
    struct statvfs sizes;
    struct statfs kind;
    if (fstatvfs(descriptor, &sizes) < 0 || fstatfs(descriptor, &kind) < 0) return -errno;
    out->capacity = product(sizes.f_blocks, sizes.f_frsize);
    out->free = product(sizes.f_bfree, sizes.f_frsize);
    out->type = (uint64_t)kind.f_type;
    return 0;
}

int64_t san_directory_read(int descriptor, void *buffer, size_t count) {
    return result(syscall(SYS_getdents64, descriptor, buffer, count));
}

int64_t san_file_read(int descriptor, void *buffer, size_t count, uint64_t offset) {
    size_t done = 0;
    while (done < count) {
        ssize_t got = pread(descriptor, (char *)buffer + done, count - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -errno;
        if (got == 0) break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

int64_t san_stream_read(int descriptor, void *buffer, size_t count) {
    ssize_t got;
    do got = read(descriptor, buffer, count);
    while (got < 0 && errno == EINTR);
    return result(got);
}

int64_t san_file_write(int descriptor, const void *buffer, size_t count, uint64_t offset) {
    size_t done = 0;
    while (done < count) {
        ssize_t put = pwrite(descriptor, (const char *)buffer + done, count - done, (off_t)(offset + done));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return -errno;
        done += (size_t)put;
    }
    return (int64_t)done;
}

int64_t san_file_append(int descriptor, const void *buffer, size_t count) {
    struct iovec bytes = {.iov_base = (void *)buffer, .iov_len = count};
    ssize_t put;
    do put = pwritev2(descriptor, &bytes, 1, 0, RWF_APPEND);
    while (put < 0 && errno == EINTR);
    return result(put);
}

int64_t san_stream_write(int descriptor, const void *buffer, size_t count) {
    size_t done = 0;
    while (done < count) {
        ssize_t put = write(descriptor, (const char *)buffer + done, count - done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return -errno;
        done += (size_t)put;
    }
    return (int64_t)done;
}

int64_t san_file_position(int descriptor) {
    return result(lseek(descriptor, 0, SEEK_CUR));
}

int64_t san_file_seek(int descriptor, uint64_t offset) {
    return result(lseek(descriptor, (off_t)offset, SEEK_SET));
}

int64_t san_file_next_data(int descriptor, uint64_t offset) {
    return result(lseek(descriptor, (off_t)offset, SEEK_DATA));
}

int64_t san_file_next_hole(int descriptor, uint64_t offset) {
    return result(lseek(descriptor, (off_t)offset, SEEK_HOLE));
}

int san_file_truncate(int descriptor, uint64_t size) {
    return (int)result(ftruncate(descriptor, (off_t)size));
}

int san_file_allocate(int descriptor, uint64_t offset, uint64_t count, int keep_size) {
    int code;
    do code = fallocate(descriptor, keep_size ? FALLOC_FL_KEEP_SIZE : 0, (off_t)offset, (off_t)count);
    while (code < 0 && errno == EINTR);
    return (int)result(code);
}

int san_file_punch(int descriptor, uint64_t offset, uint64_t count) {
    int code;
    do code = fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)count);
    while (code < 0 && errno == EINTR);
    return (int)result(code);
}

int san_file_sync(int descriptor) {
    return (int)result(fdatasync(descriptor));
}

int san_file_forget(int descriptor) {
    return -posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
}

int san_file_change_owner(int descriptor, uint32_t owner, uint32_t group) {
    return (int)result(fchown(descriptor, owner, group));
}

int san_file_change_mode(int descriptor, uint32_t mode) {
    return (int)result(fchmod(descriptor, (mode_t)mode));
}

int san_file_clone(int descriptor, int origin) {
    return (int)result(ioctl(descriptor, FICLONE, origin));
}

int64_t san_file_copy_range(int origin, uint64_t from, int descriptor, uint64_t to, size_t count) {
    off_t source = (off_t)from, sink = (off_t)to;
    return result(copy_file_range(origin, &source, descriptor, &sink, count, 0));
}

int san_file_no_copy_on_write(int descriptor) {
    int flags = 0;
    if (ioctl(descriptor, FS_IOC_GETFLAGS, &flags) < 0) return -errno;
    return (flags & FS_NOCOW_FL) != 0;
}

int san_file_set_no_copy_on_write(int descriptor, int on) {
    int flags = 0;
    if (ioctl(descriptor, FS_IOC_GETFLAGS, &flags) < 0) return -errno;
    flags = on ? flags | FS_NOCOW_FL : flags & ~FS_NOCOW_FL;
    return (int)result(ioctl(descriptor, FS_IOC_SETFLAGS, &flags));
}

int64_t san_file_label(int descriptor, char *buffer, size_t count) {
    return result(fgetxattr(descriptor, "security.selinux", buffer, count));
}

int san_file_set_label(int descriptor, const char *label) {
    return (int)result(fsetxattr(descriptor, "security.selinux", label, strlen(label) + 1, 0));
}

int san_folder_make(int folder, const char *name, uint32_t mode) {
    return (int)result(mkdirat(folder, name, (mode_t)mode));
}

int san_file_remove(int folder, const char *name, int is_folder) {
    return (int)result(unlinkat(folder, name, is_folder ? AT_REMOVEDIR : 0));
}

int san_file_move(int folder, const char *name, int destination, const char *new_name) {
    return (int)result(syscall(SYS_renameat2, folder, name, destination, new_name, RENAME_NOREPLACE));
}

int san_file_replace(int folder, const char *name, int destination, const char *new_name) {
    return (int)result(renameat(folder, name, destination, new_name));
}

int san_file_link(int folder, const char *name, int destination, const char *new_name) {
    return (int)result(linkat(folder, name, destination, new_name, 0));
}

int64_t san_link_read(int folder, const char *name, char *buffer, size_t count) {
    return result(readlinkat(folder, name, buffer, count));
}

int san_file_try_lock(int descriptor) {
    return (int)result(flock(descriptor, LOCK_EX | LOCK_NB));
}

int san_image_in_use(int descriptor, int for_writing) {
    static const off_t bytes[] = {101, 103, 201, 203};
    for (int index = 0; index < (for_writing ? 4 : 2); index++) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = bytes[index], .l_len = 1};
        if (fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) return 1;
    }
    return 0;
}
