// Calls on open block devices. Each returns a result or -errno.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { SAN_BLOCK_ASK, SAN_BLOCK_READ, SAN_BLOCK_WRITE_EXCLUSIVELY };

/// open(2), close-on-exec, a link is not followed: to ask, with O_NONBLOCK; else with O_DIRECT, and O_EXCL to write.
int san_block_open(const char *_Nonnull path, int access);

/// How a SCSI command ended, from struct sg_io_hdr.
struct san_scsi_outcome {
    /// The unit's status: 0 is good, 2 has sense data.
    uint8_t status;
    /// The low-level driver's, DID_…: 0 is good.
    uint16_t host;
    uint16_t driver;
    /// How many bytes of the buffer were left alone.
    uint32_t residual;
    uint8_t sense_length;
    uint8_t sense[96];
};

enum { SAN_SCSI_NO_DATA, SAN_SCSI_FROM_UNIT, SAN_SCSI_TO_UNIT };

/// ioctl(SG_IO), version 3; blocks until the unit has answered, or the kernel has given up on it after the time-out.
int san_scsi_command(
    int descriptor, const uint8_t *_Nonnull command, size_t command_length, int direction, void *_Nullable data,
    uint32_t data_length, uint32_t timeout_milliseconds, struct san_scsi_outcome *_Nonnull outcome);
/// ioctl(BLKGETSIZE64), in bytes.
int san_block_capacity(int descriptor, uint64_t *_Nonnull capacity);
/// ioctl(BLKSSZGET): the bytes of a logical block.
int san_block_logical_size(int descriptor);
/// ioctl(BLKGETDISKSEQ), Linux 5.15.
int san_block_sequence(int descriptor, uint64_t *_Nonnull sequence);
/// ioctl(BLKZEROOUT): zeros are written, by the device itself where it can; nothing is deallocated.
int san_block_zero(int descriptor, uint64_t offset, uint64_t count);
/// fallocate(2) with PUNCH_HOLE on a block device: what was there reads as zeros, and is deallocated where the device promises that;
/// -EOPNOTSUPP where it has no such command.
int san_block_punch(int descriptor, uint64_t offset, uint64_t count);
/// ioctl(BLKDISCARD)
int san_block_discard(int descriptor, uint64_t offset, uint64_t count);
