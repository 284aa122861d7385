import SANModel
import SANTestSupport
import Testing

@testable import SANHost

@Suite struct DeviceUsersTests {
    private let tree: HostTree

    init() throws {
        tree = try HostTree()
        try tree.addDisk("sda", "8:0", at: "0:0:0:1")
        try tree.makeFolder("/proc")
    }

    private func addProcess(_ id: Int, _ command: String, space: String = "mnt:[1]", mounts: String = "") throws {
        try tree.write("/proc/\(id)/comm", command)
        try tree.link("/proc/\(id)/ns/mnt", text: space)
        try tree.write("/proc/\(id)/mountinfo", mounts)
        try tree.makeFolder("/proc/\(id)/fd")
    }

    private func uses(_ name: String = "sda") throws -> [String] {
        try DeviceUsers.of(try tree.device(name)).map { "\($0.device): \($0)" }
    }

    @Test func aFreeDeviceHasNoUsers() throws {
        try addProcess(1, "init", mounts: "21 1 254:1 / / rw - ext4 /dev/vda rw")
        try tree.addBlockDevice("sdb", "8:16")
        #expect(try uses().isEmpty)
    }

    @Test func everythingThatStandsOnItIsFound() throws {
        try tree.addPartition("sda1", "8:1", of: "sda")
        try tree.addPartition("sda2", "8:2", of: "sda")
        try tree.addMap("dm-3", "253:3", called: "vg0-root", uuid: "LVM-x", on: ["sda/sda1"])
        try tree.addMap("dm-4", "253:4", called: "secret", uuid: "CRYPT-x", on: ["dm-3"])
        try tree.addBlockDevice("loop7", "7:7")
        try tree.write("/sys/devices/virtual/block/loop7/loop/backing_file", "/dev/sda2")
        try tree.write("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/dev/dm-4  partition 8 0 -2\n")
        try addProcess(1, "init", mounts: "21 1 253:4 /sub /srv/a\\040b rw shared:1 - xfs /dev/mapper/secret rw")
        #expect(
            try uses() == [
                "dm-3: held by vg0-root (dm-3)", "dm-4: held by secret (dm-4)", "dm-4: mounted at /srv/a b",
                "dm-4: used as swap", "sda2: behind loop7",
            ])
    }

    /// A container's mounts are in its own namespace only, and each namespace is read once.
    @Test func mountsOfEveryNamespaceAreFound() throws {
        let line = "30 29 8:0 / /data rw - ext4 /dev/sda rw"
        try addProcess(1, "init")
        try addProcess(50, "sh", space: "mnt:[2]", mounts: line)
        try addProcess(51, "sh", space: "mnt:[2]", mounts: "30 29 8:0 / /never-read rw - ext4 /dev/sda rw")
        #expect(try uses() == ["sda: mounted at /data"])
    }

    /// Btrfs has a device number of its own, and names one of its devices.
    @Test func aFileSystemOfSeveralDevicesIsFound() throws {
        try tree.write("/sys/fs/btrfs/1234-abcd/devices/sda/dev", "8:0")
        #expect(try uses() == ["sda: part of the btrfs file system 1234-abcd"])
        try addProcess(1, "init", mounts: "40 1 0:35 / /pool rw - btrfs /dev/sda rw")
        #expect(try uses() == ["sda: mounted at /pool"])
    }

    @Test func openFilesAreFoundByLinksToo() throws {
        try tree.write("/run/udev/data/b8:0", "S:disk/by-path/x\nI:1")
        try addProcess(812, "qemu-system-x86")
        try tree.link("/proc/812/fd/14", text: "/dev/disk/by-path/x")
        try tree.link("/proc/812/fd/15", text: "socket:[77]")
        #expect(try uses() == ["sda: open by qemu-system-x86 (pid 812)"])
    }

    /// They look at every device, for a moment or to see whether it still answers; what they write is their own doing.
    @Test func whoOnlyLooksIsNoUser() throws {
        try addProcess(300, "multipathd")
        try tree.link("/proc/300/fd/5", text: "/dev/sda")
        try tree.write("/proc/300/fdinfo/5", "pos:\t0\nflags:\t0104000\nmnt_id:\t26")
        #expect(try uses().isEmpty)
        try tree.write("/proc/300/fdinfo/5", "pos:\t0\nflags:\t0104002\nmnt_id:\t26")
        #expect(try uses() == ["sda: open by multipathd (pid 300)"])
    }

    @Test func exportsOfTheTargetAreFound() throws {
        try tree.write("/sys/kernel/config/target/core/iblock_0/disk1/udev_path", "/dev/sda")
        try tree.makeFolder("/sys/kernel/config/target/core/alua")
        #expect(try uses() == ["sda: exported by the target as disk1"])
    }

    @Test func theRefusalNamesThemAndTheRemedy() throws {
        let uses = [
            DeviceUse(device: "sda1", .mount(at: "/srv\n")), DeviceUse(device: "dm-3", .holder(name: "vg0-root")),
            DeviceUse(device: "sda", .process(command: "qemu-system-x86", id: 812)),
        ]
        let error = DeviceUse.refusal(of: "sda", uses)
        #expect(error.code == .busy)
        #expect(
            error.message
                == "sda is in use: sda1 mounted at /srv\\n, held by vg0-root (dm-3), open by qemu-system-x86 (pid 812); "
                + "unmount it, take down what stands on it, stop the program or guest first")
        #expect(DeviceUse.refusal(of: "sda", []).message.contains("nothing shows by whom"))
    }

    @Test(arguments: [
        "", "1", "1 2 3 4 5 6", "21 1 8:x / /a rw - ext4 /dev/sda rw", "21 1 8:0 / /a rw ext4 /dev/sda rw",
        "21 1 8:0 / /a rw - ext4",
    ]) func aLineThatIsNoMountIsPassedBy(line: String) {
        #expect(ProcessTable.mounts(line).isEmpty)
    }

    @Test func escapesAreRead() {
        #expect(ProcessTable.unescaped(#"a\040b\134c\09\777\"#[...]) == #"a b\c\09\777\"#)
        #expect(ProcessTable.openFlags("flags:\t0100002\n") == 0o100002)
        #expect(ProcessTable.openFlags("flags:\tx\n") == nil)
    }
}
