import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANHost

@Suite struct FileUsersTests {
    private let tree: HostTree

    init() throws {
        tree = try HostTree()
        try tree.makeFolder("/proc")
        try tree.write("/srv/a", "a")
        try tree.write("/srv/b", "b")
    }

    private func users(_ path: String) throws -> [String] {
        let file = try FileDescriptor.open(try tree.host.resolve(path), .readOnly)
        defer { try? file.close() }  // it was only read
        return try FileUsers.writers(of: path, openAt: file.rawValue, on: tree.host).map(\.description)
    }

    @Test func whatStandsOnAFileIsFound() throws {
        try tree.addBlockDevice("loop3", "7:3")
        try tree.addBlockDevice("loop4", "7:4")
        try tree.write("/sys/devices/virtual/block/loop3/loop/backing_file", "/srv/a")
        try tree.write("/sys/devices/virtual/block/loop4/loop/backing_file", "/srv/gone (deleted)")
        try tree.write("/sys/kernel/config/target/core/fileio_0/disk/udev_path", "/srv/a")
        try tree.write("/sys/kernel/config/target/core/alua/lu_gps/udev_path", "/srv/a")
        try tree.write("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/srv/a  file 8 0 -2\n")
        #expect(try users("/srv/a") == ["used as swap", "behind loop3", "exported by the target as disk"])
        #expect(try users("/srv/b").isEmpty)
    }

    @Test func aFolderHasNoWriters() throws {
        #expect(try users("/srv").isEmpty)
    }

    @Test func aDescriptorTellsItsFile() {
        let text = "pos:\t0\nflags:\t0100002\nmnt_id:\t29\nino:\t1234567\n"
        #expect(ProcessTable.inode(text) == 1_234_567)
        #expect(ProcessTable.openFlags(text) == 0o100_002)
        #expect(ProcessTable.inode("pos:\t0\nflags:\t02\n") == nil)
        #expect(ProcessTable.inode("ino:\t99999999999999999999999\n") == nil)
    }
}
