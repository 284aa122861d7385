// librados and librbd, loaded when they are first needed: a host without Ceph runs the same program.
//
// The real headers check every signature: each member of the table has the type of the function that it is named after.
#pragma once
#include <rados/librados.h>
#include <rbd/librbd.h>

#define SAN_RADOS_FUNCTIONS(X) \
    X(rados_version) \
    X(rados_create) \
    X(rados_conf_set) \
    X(rados_conf_read_file) \
    X(rados_connect) \
    X(rados_shutdown) \
    X(rados_cluster_fsid) \
    X(rados_get_instance_id) \
    X(rados_mon_command) \
    X(rados_buffer_free) \
    X(rados_pool_list) \
    X(rados_pool_reverse_lookup) \
    X(rados_application_list) \
    X(rados_ioctx_create) \
    X(rados_ioctx_create2) \
    X(rados_ioctx_destroy) \
    X(rados_ioctx_get_id) \
    X(rados_ioctx_set_namespace) \
    X(rados_set_pool_full_try) \
    X(rados_ioctx_pool_stat) \
    X(rados_create_read_op) \
    X(rados_release_read_op) \
    X(rados_read_op_set_flags) \
    X(rados_read_op_read) \
    X(rados_read_op_exec_user_buf) \
    X(rados_aio_read_op_operate) \
    X(rados_aio_create_completion2) \
    X(rados_aio_wait_for_complete) \
    X(rados_aio_get_return_value) \
    X(rados_aio_release) \
    X(rados_create_write_op) \
    X(rados_release_write_op) \
    X(rados_write_op_create) \
    X(rados_write_op_operate)

#define SAN_RBD_FUNCTIONS(X) \
    X(rbd_version) \
    X(rbd_list2) \
    X(rbd_image_spec_list_cleanup) \
    X(rbd_namespace_exists) \
    X(rbd_namespace_list) \
    X(rbd_image_options_create) \
    X(rbd_image_options_destroy) \
    X(rbd_create4) \
    X(rbd_remove) \
    X(rbd_remove_with_progress) \
    X(rbd_open) \
    X(rbd_open_read_only) \
    X(rbd_close) \
    X(rbd_stat) \
    X(rbd_get_id) \
    X(rbd_get_features) \
    X(rbd_encryption_format) \
    X(rbd_encryption_load) \
    X(rbd_lock_acquire) \
    X(rbd_lock_get_owners) \
    X(rbd_lock_get_owners_cleanup) \
    X(rbd_is_exclusive_lock_owner) \
    X(rbd_resize2) \
    X(rbd_snap_list) \
    X(rbd_snap_list_end) \
    X(rbd_snap_is_protected) \
    X(rbd_snap_unprotect) \
    X(rbd_snap_remove) \
    X(rbd_list_children3) \
    X(rbd_linked_image_spec_list_cleanup) \
    X(rbd_watchers_list) \
    X(rbd_watchers_list_cleanup) \
    X(rbd_read2) \
    X(rbd_write2) \
    X(rbd_write_zeroes) \
    X(rbd_flush) \
    X(rbd_clone3) \
    X(rbd_rename) \
    X(rbd_image_options_set_uint64) \
    X(rbd_image_options_set_string) \
    X(rbd_get_flags) \
    X(rbd_get_group) \
    X(rbd_group_info_cleanup) \
    X(rbd_get_data_pool_id) \
    X(rbd_get_stripe_unit) \
    X(rbd_get_stripe_count) \
    X(rbd_metadata_set) \
    X(rbd_metadata_list) \
    X(rbd_diff_iterate2) \
    X(rbd_snap_create) \
    X(rbd_snap_protect) \
    X(rbd_snap_rollback_with_progress) \
    X(rbd_snap_get_timestamp) \
    X(rbd_snap_get_namespace_type) \
    X(rbd_snap_get_group_namespace) \
    X(rbd_snap_group_namespace_cleanup) \
    X(rbd_snap_set_by_id) \
    X(rbd_flatten_with_progress) \
    X(rbd_mirror_image_get_info) \
    X(rbd_mirror_mode_get) \
    X(rbd_mirror_image_get_info_cleanup) \
    X(rbd_trash_move) \
    X(rbd_trash_get) \
    X(rbd_trash_get_cleanup) \
    X(rbd_trash_list) \
    X(rbd_trash_list_cleanup) \
    X(rbd_trash_remove_with_progress) \
    X(rbd_trash_restore)

/// Every function that is used, under its own name.
struct san_ceph_functions {
#define X(name) __typeof__(&name) _Nonnull name;
    SAN_RADOS_FUNCTIONS(X) SAN_RBD_FUNCTIONS(X)
#undef X
};

/// What san_ceph_load couldn't find.
enum san_ceph_lack { SAN_CEPH_COMPLETE = 0, SAN_CEPH_NO_RADOS = 1, SAN_CEPH_NO_RBD = 2, SAN_CEPH_NO_FUNCTION = 3 };

/// Opens both libraries and fills the table; they stay open. To be called by one thread at a time, and before san_ceph_functions.
///
/// @param problem gets what dlopen(3) or dlsym(3) says
int san_ceph_load(
    const char *_Nonnull rados, const char *_Nonnull rbd, char *_Nonnull problem, unsigned long size);

/// The table, after a san_ceph_load that returned 0.
const struct san_ceph_functions *_Nonnull san_ceph(void);
