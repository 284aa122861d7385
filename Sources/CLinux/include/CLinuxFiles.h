// File system calls that Swift's Glibc module doesn't show, or that must be retried and mapped alike. Each returns a result or -errno.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// What statx(2) says of a file.
struct san_file_status {
    uint64_t size;
    /// In bytes, from stx_blocks.
    uint64_t allocation;
    uint64_t inode;
    uint64_t device;
    /// Which device a device node stands for, the major number above bit 32; 0 for other files.
    uint64_t node;
    uint32_t mode;
    uint32_t owner;
    uint32_t group;
    uint32_t block_size;
    int64_t access_seconds, birth_seconds, change_seconds, modification_seconds;
    uint32_t access_nanoseconds, birth_nanoseconds, change_nanoseconds, modification_nanoseconds;
    /// 0 where the file system doesn't keep birth times.
    uint32_t has_birth;
    /// A digest of the file system's own handle (name_to_handle_at(2)), which holds the inode's generation; 0 where it has none, and for device nodes.
    uint64_t handle;
};

/// What fstatfs(2) and fstatvfs(3) say of a file system; sizes in bytes, UINT64_MAX where they don't fit.
struct san_file_system {
    uint64_t capacity;
    uint64_t free;
    uint64_t type;
};

/// openat(2), close-on-exec.
int san_file_open(int folder, const char *_Nonnull name, int flags, uint32_t mode);
/// openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS, close-on-exec: -EXDEV for a way that leads out of the folder.
int san_file_open_beneath(int folder, const char *_Nonnull path, int flags);
int san_file_close(int descriptor);
/// dup(2), close-on-exec.
int san_file_duplicate(int descriptor);
/// fcntl(F_GETFL)
int san_file_modes(int descriptor);
/// statx(2) of an open file.
int san_file_status(int descriptor, struct san_file_status *_Nonnull status);
/// statx(2) of a name in a folder; a link is not followed.
int san_file_status_at(int folder, const char *_Nonnull name, struct san_file_status *_Nonnull status);
/// statx(2) of what a name in a folder leads to.
int san_file_status_behind(int folder, const char *_Nonnull name, struct san_file_status *_Nonnull status);
int san_file_system(int descriptor, struct san_file_system *_Nonnull system);
/// getdents64(2)
int64_t san_directory_read(int descriptor, void *_Nonnull buffer, size_t count);
/// pread(2) until the buffer is full or the file ends.
int64_t san_file_read(int descriptor, void *_Nonnull buffer, size_t count, uint64_t offset);
/// read(2), once.
int64_t san_stream_read(int descriptor, void *_Nonnull buffer, size_t count);
/// pwrite(2) until all is written.
int64_t san_file_write(int descriptor, const void *_Nonnull buffer, size_t count, uint64_t offset);
/// pwritev2(2) with RWF_APPEND, once: behind the end of the file, wherever another write has moved that.
int64_t san_file_append(int descriptor, const void *_Nonnull buffer, size_t count);
/// write(2) until all is written.
int64_t san_stream_write(int descriptor, const void *_Nonnull buffer, size_t count);
/// lseek(2) with SEEK_CUR, SEEK_DATA and SEEK_HOLE.
int64_t san_file_position(int descriptor);
int64_t san_file_seek(int descriptor, uint64_t offset);
int64_t san_file_next_data(int descriptor, uint64_t offset);
int64_t san_file_next_hole(int descriptor, uint64_t offset);
int san_file_truncate(int descriptor, uint64_t size);
/// fallocate(2): space for a range; the file grows to its end, unless it is to keep its size.
int san_file_allocate(int descriptor, uint64_t offset, uint64_t count, int keep_size);
/// fallocate(2) with PUNCH_HOLE and KEEP_SIZE.
int san_file_punch(int descriptor, uint64_t offset, uint64_t count);
int san_file_sync(int descriptor);
/// posix_fadvise(2) with POSIX_FADV_DONTNEED, of the whole file.
int san_file_forget(int descriptor);
int san_file_change_owner(int descriptor, uint32_t owner, uint32_t group);
int san_file_change_mode(int descriptor, uint32_t mode);
/// ioctl(FICLONE): the whole file shares its blocks with the origin.
int san_file_clone(int descriptor, int origin);
/// copy_file_range(2)
int64_t san_file_copy_range(int origin, uint64_t from, int descriptor, uint64_t to, size_t count);
/// FS_NOCOW_FL by FS_IOC_GETFLAGS: 1, 0 or -errno.
int san_file_no_copy_on_write(int descriptor);
int san_file_set_no_copy_on_write(int descriptor, int on);
/// The security.selinux attribute; its length, or -errno.
int64_t san_file_label(int descriptor, char *_Nonnull buffer, size_t count);
int san_file_set_label(int descriptor, const char *_Nonnull label);
int san_folder_make(int folder, const char *_Nonnull name, uint32_t mode);
/// unlinkat(2), of a folder with AT_REMOVEDIR.
int san_file_remove(int folder, const char *_Nonnull name, int is_folder);
/// renameat2(2) with RENAME_NOREPLACE.
int san_file_move(int folder, const char *_Nonnull name, int destination, const char *_Nonnull new_name);
/// renameat(2), over what has the new name.
int san_file_replace(int folder, const char *_Nonnull name, int destination, const char *_Nonnull new_name);
/// linkat(2), of a link itself.
int san_file_link(int folder, const char *_Nonnull name, int destination, const char *_Nonnull new_name);
/// readlinkat(2); the length, or -errno.
int64_t san_link_read(int folder, const char *_Nonnull name, char *_Nonnull buffer, size_t count);
/// flock(2) with LOCK_EX and LOCK_NB.
int san_file_try_lock(int descriptor);
/// Whether QEMU has an image open (block/file-posix.c: bytes 100 + n are locked for what is done to it, 200 + n for what nobody else may do;
/// 1 is to write, 3 to resize): 1 where that is in the way of reading it, or of writing to it, 0 where not or where nothing can be told.
int san_image_in_use(int descriptor, int for_writing);
