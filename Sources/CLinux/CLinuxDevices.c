#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "CLinuxDevices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <scsi/sg.h>
#include <string.h>
#include <sys/ioctl.h>

// linux/fs.h of 5.15; older headers don't have it.
#ifndef BLKGETDISKSEQ
#define BLKGETDISKSEQ _IOR(0x12, 128, uint64_t)
#endif

static int result(int value) {
    return value < 0 ? -errno : value;
}

int san_block_open(const char *path, int access) {
    static const int flags[] = {O_RDONLY | O_NONBLOCK, O_RDONLY | O_DIRECT, O_RDWR | O_EXCL | O_DIRECT};
    int descriptor;
    if (access < 0 || access > SAN_BLOCK_WRITE_EXCLUSIVELY) return -EINVAL;
    do descriptor = open(path, flags[access] | O_NOFOLLOW | O_CLOEXEC);
    while (descriptor < 0 && errno == EINTR);
    return result(descriptor);
}

int san_scsi_command(
    int descriptor, const uint8_t *command, size_t command_length, int direction, void *data, uint32_t data_length,
    uint32_t timeout_milliseconds, struct san_scsi_outcome *outcome) {
    static const int directions[] = {SG_DXFER_NONE, SG_DXFER_FROM_DEV, SG_DXFER_TO_DEV};
    uint8_t block[16];
    if (command_length > sizeof block || direction < 0 || direction > SAN_SCSI_TO_UNIT) return -EINVAL;
    memcpy(block, command, command_length);
    memset(outcome, 0, sizeof *outcome);
    struct sg_io_hdr header = {
        .interface_id = 'S',
        .dxfer_direction = directions[direction],
        .cmd_len = (unsigned char)command_length,
        .mx_sb_len = sizeof outcome->sense,
        .dxfer_len = data_length,
        .dxferp = data,
        .cmdp = block,
        .sbp = outcome->sense,
        .timeout = timeout_milliseconds,
    };
    if (ioctl(descriptor, SG_IO, &header) < 0) return -errno;
    outcome->status = header.status;
    outcome->host = header.host_status;
    outcome->driver = header.driver_status;
    outcome->residual = header.resid > 0 ? (uint32_t)header.resid : 0;
    outcome->sense_length = header.sb_len_wr;
    return 0;
}

int san_block_capacity(int descriptor, uint64_t *capacity) {
    return result(ioctl(descriptor, BLKGETSIZE64, capacity));
}

int san_block_logical_size(int descriptor) {
    int size = 0;
    return ioctl(descriptor, BLKSSZGET, &size) < 0 ? -errno : size;
}

int san_block_sequence(int descriptor, uint64_t *sequence) {
    return result(ioctl(descriptor, BLKGETDISKSEQ, sequence));
}

int san_block_zero(int descriptor, uint64_t offset, uint64_t count) {
    uint64_t range[2] = {offset, count};
    return result(ioctl(descriptor, BLKZEROOUT, range));
}

int san_block_punch(int descriptor, uint64_t offset, uint64_t count) {
    int code;
    do code = fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)count);
    while (code < 0 && errno == EINTR);
    return result(code);
}

int san_block_discard(int descriptor, uint64_t offset, uint64_t count) {
    uint64_t range[2] = {offset, count};
    return result(ioctl(descriptor, BLKDISCARD, range));
}
