import SANEngine
import SANHost
import SANModel
import SANTestSupport
import SystemPackage
import Testing

@testable import SANBlockVolumes

/// Who uses a device is found on a real kernel, and keeps it from being written; needs root.
@Suite struct DeviceInUseServiceTests {
    private func refusal(_ loop: LoopDevice) async throws -> StorageError? {
        let opening = VolumeOpening(
            host: HostRoot("/"), volume: Volume(VolumeDefinition(name: "v", type: .block)), access: .exclusiveWrite,
            deadline: .after(.seconds(60)))
        let block = try loop.block()
        do {
            try await withThread {
                let device = try opening.exclusive(block)
                try opening.refuseUsers(of: block)
                withExtendedLifetime(device) {}
            }
            return nil
        } catch {
            return error as? StorageError
        }
    }

    @Test func aFreeDeviceIsOpened() async throws {
        let error = try await LoopDevice.with(bytes: 1 << 20) { loop in try await refusal(loop) }
        #expect(error == nil)
    }

    @Test func aMountedDeviceIsRefused() async throws {
        try await LoopDevice.with(bytes: 8 << 20) { loop in
            let folder = try TemporaryFolder()
            try await LoopDevice.run("mkfs.ext4", ["-q", loop.node])
            try await LoopDevice.run("mount", [loop.node, folder.path.string])
            let error = try await refusal(loop)
            try await LoopDevice.run("umount", [folder.path.string])
            #expect(error?.code == .busy)
            // Others' programs look into it for a moment now and then, and are named too.
            #expect(error?.message.hasPrefix("\(loop.name) is in use: mounted at \(folder.path)") == true)
            #expect(error?.message.contains("; unmount it") == true)
            #expect(try await refusal(loop) == nil)
        }
    }

    @Test func aDeviceBehindALoopDeviceIsRefused() async throws {
        try await LoopDevice.with(bytes: 1 << 20) { loop in
            let node = try await LoopDevice.run("losetup", ["--find", "--show", loop.node])
            let above = String(node.prefix { $0 != "\n" })
            let error = try await refusal(loop)
            try await LoopDevice.run("losetup", ["--detach", above])
            #expect(error?.message.contains("behind \(above.dropFirst("/dev/".count))") == true)
            #expect(error?.code == .busy)
        }
    }

    /// A guest's QEMU opens its disks without O_EXCL: the kernel would let us write.
    @Test func aDeviceThatAProgramHasOpenIsRefused() async throws {
        try await LoopDevice.with(bytes: 1 << 20) { loop in
            let program = Task { try await LoopDevice.run("flock", [loop.node, "/usr/bin/sleep", "300"]) }
            defer { program.cancel() }
            let block = try loop.block()
            let deadline = Deadline.after(.seconds(100))
            while try DeviceUsers.of(block).isEmpty, !deadline.hasPassed { await Task.yield() }
            let error = try await refusal(loop)
            #expect(error?.code == .busy)
            #expect(error?.message.contains("open by flock (pid ") == true)
            #expect(error?.message.hasSuffix("; stop the program or guest first") == true)
            program.cancel()
            _ = await program.result
            #expect(try await refusal(loop) == nil)
        }
    }

    /// While it is open for writing nobody else can mount it.
    @Test func nobodyMountsItMeanwhile() async throws {
        try await LoopDevice.with(bytes: 8 << 20) { loop in
            let folder = try TemporaryFolder()
            try await LoopDevice.run("mkfs.ext4", ["-q", loop.node])
            let device = try OpenBlockDevice(try loop.block(), .exclusiveWrite)
            await #expect(throws: StorageError.self) {
                try await LoopDevice.run("mount", [loop.node, folder.path.string])
            }
            withExtendedLifetime(device) {}
        }
    }

    @Test func aReadOnlyDeviceIsRefused() async throws {
        try await LoopDevice.with(bytes: 1 << 20, options: ["--read-only"]) { loop in
            let error = try await refusal(loop)
            #expect(error?.code == .permissionDenied)
            #expect(error?.message == "\(loop.name) may only be read")
        }
    }

    /// L07: the name and number of a device that was detached are given to the next one.
    @Test func anotherDeviceOfTheSameNameIsRefused() async throws {
        try await LoopDevice.with(bytes: 1 << 20) { loop in
            var block = try loop.block()
            block.sequence = block.sequence.map { $0 - 1 }
            let error = #expect(throws: StorageError.self) { _ = try OpenBlockDevice(block, .ask) }
            #expect(error?.code == .invalidState)
        }
    }
}
