// libgfapi, loaded when it is first needed: a host without Gluster runs the same program.
// Every call but san_gluster_load's answers -errno where it fails, and needs san_gluster_load() to have answered 0 before.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// A connection to a volume; many threads may use it at once.
struct glfs;
/// An open file or folder.
struct glfs_fd;
/// A file that a listing has found, readable without opening it.
struct glfs_xreaddirp_stat;

/// Loads the library, at the first call.
///
/// Returns 0, or -1 with the reason in `reason`.
int san_gluster_load(char *_Nonnull reason, size_t length);
/// The folder that the library was loaded from; empty before that.
const char *_Nonnull san_gluster_folder(void);

struct san_gluster_status {
    uint64_t size;
    /// In bytes.
    uint64_t allocation;
    /// Half of the file's gfid, which Gluster gives to no other file.
    uint64_t inode;
    uint32_t mode, owner, group;
    uint32_t access_nanoseconds, change_nanoseconds, modification_nanoseconds;
    int64_t access_seconds, change_seconds, modification_seconds;
};

/// glfs_new, glfs_set_logging, glfs_set_volfile_server, glfs_set_xlator_option, glfs_init: waits for as long as the server needs, minutes where it doesn't answer.
///
/// What a failed connection has allocated is never given back: glfs_fini takes ten seconds (10.3), and the process ends soon after.
int san_gluster_connect(
    const char *_Nonnull volume, const char *_Nonnull host, int port, const char *_Nonnull log,
    struct glfs *_Nullable *_Nonnull connection);

/// glfs_lstat, or glfs_stat.
int san_gluster_status_of(
    struct glfs *_Nonnull connection, const char *_Nonnull path, int follows, struct san_gluster_status *_Nonnull status);
/// glfs_statvfs, in bytes; UINT64_MAX where they don't fit.
int san_gluster_space(
    struct glfs *_Nonnull connection, const char *_Nonnull path, uint64_t *_Nonnull capacity, uint64_t *_Nonnull free);
int san_gluster_make_folder(struct glfs *_Nonnull connection, const char *_Nonnull path, uint32_t mode);
int san_gluster_remove_folder(struct glfs *_Nonnull connection, const char *_Nonnull path);
int san_gluster_remove(struct glfs *_Nonnull connection, const char *_Nonnull path);
/// A second name for a file; -EEXIST where it is taken.
int san_gluster_link(struct glfs *_Nonnull connection, const char *_Nonnull path, const char *_Nonnull name);
/// UINT32_MAX leaves the owner or group alone.
int san_gluster_change_owner(
    struct glfs *_Nonnull connection, const char *_Nonnull path, uint32_t owner, uint32_t group);
int san_gluster_change_mode(struct glfs *_Nonnull connection, const char *_Nonnull path, uint32_t mode);

/// glfs_getxattr.
int64_t san_gluster_attribute(
    struct glfs *_Nonnull connection, const char *_Nonnull path, const char *_Nonnull name, void *_Nonnull buffer,
    size_t length);
/// glfs_get_volfile: what the server told the client of the volume. 0 where there is none, -E2BIG where the buffer is too short.
int64_t san_gluster_volume_file(struct glfs *_Nonnull connection, char *_Nonnull buffer, size_t length);

/// glfs_open with O_RDONLY or O_RDWR; a link is followed within the volume.
int san_gluster_open(
    struct glfs *_Nonnull connection, const char *_Nonnull path, int writes, struct glfs_fd *_Nullable *_Nonnull file);
/// glfs_creat with O_EXCL.
int san_gluster_create(
    struct glfs *_Nonnull connection, const char *_Nonnull path, uint32_t mode,
    struct glfs_fd *_Nullable *_Nonnull file);
int san_gluster_close(struct glfs_fd *_Nonnull file);
int san_gluster_status(struct glfs_fd *_Nonnull file, struct san_gluster_status *_Nonnull status);
/// Until the buffer is full or the file ends.
int64_t san_gluster_read(struct glfs_fd *_Nonnull file, void *_Nonnull buffer, size_t count, uint64_t offset);
/// Until all is written.
int64_t san_gluster_write(struct glfs_fd *_Nonnull file, const void *_Nonnull buffer, size_t count, uint64_t offset);
int san_gluster_truncate(struct glfs_fd *_Nonnull file, uint64_t size);
/// Space for a range; the file grows to its end.
int san_gluster_allocate(struct glfs_fd *_Nonnull file, uint64_t offset, uint64_t count, int keep_size);
/// Gives the blocks of a range back; the file's size stays.
int san_gluster_punch(struct glfs_fd *_Nonnull file, uint64_t offset, uint64_t count);
int san_gluster_sync(struct glfs_fd *_Nonnull file);
/// A write lock on the whole file, of an owner of its own; -EAGAIN where another has it. It goes with the file or its process.
int san_gluster_try_lock(struct glfs_fd *_Nonnull file, uint64_t owner);

int san_gluster_open_folder(
    struct glfs *_Nonnull connection, const char *_Nonnull path, struct glfs_fd *_Nullable *_Nonnull folder);
int san_gluster_close_folder(struct glfs_fd *_Nonnull folder);
/// The next entry of a folder: 1 with an entry, 0 at the end.
///
/// `has_status` is 0 where the listing didn't bring one. `entry` is for san_gluster_read_entry, and is freed with san_gluster_free_entry; null
/// where the listing brought none.
int san_gluster_next(
    struct glfs_fd *_Nonnull folder, char *_Nonnull name, size_t length, struct san_gluster_status *_Nonnull status,
    int *_Nonnull has_status, struct glfs_xreaddirp_stat *_Nullable *_Nonnull entry);
int64_t san_gluster_read_entry(
    struct glfs *_Nonnull connection, struct glfs_xreaddirp_stat *_Nonnull entry, void *_Nonnull buffer, size_t count,
    uint64_t offset);
void san_gluster_free_entry(struct glfs_xreaddirp_stat *_Nonnull entry);
