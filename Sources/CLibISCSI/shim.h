// libiscsi's initiator and its SCSI payload helpers, as SANBackendISCSIDirect uses them.
#pragma once
#include <poll.h>
#include <sys/uio.h>
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
