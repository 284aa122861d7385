import SANModel
import Testing

@testable import SANImages

/// Which files are raw whatever they begin with (0007).
@Suite struct RawFilesTests {
    private func listed(_ format: VolumeFormat?, physical: ByteCount? = 4096) -> Volume {
        var definition = VolumeDefinition(name: "v")
        definition.target.format = format
        definition.physical = physical
        return Volume(definition, file: file(7))
    }

    private func file(_ inode: UInt64) -> FileIdentity {
        FileIdentity(device: nil, inode: inode, handle: nil, birth: nil)
    }

    private func now(
        _ header: VolumeFormat, _ volume: Volume, inode: UInt64 = 7, named name: String? = "v"
    ) -> ImageHeader {
        RawFiles { [volume] }.listed(.spanningFile(header), of: file(inode), named: name)
    }

    /// A guest can write what makes its disk an iso, or the end of a vhd, before it writes the start of an image.
    @Test(arguments: [VolumeFormat.raw, "iso", "vpc", "dmg"])
    func `What had no header at its start gets none`(before: VolumeFormat) {
        for image in [VolumeFormat.qcow2, "luks", "vmdk"] {
            let header = now(image, listed(before))
            #expect(header.format == .raw)
            #expect(header.flaws.first?.contains(image.rawValue) == true)
        }
        #expect(now("iso", listed(before)).flaws.isEmpty)
    }

    /// A vhd begins with its header, or ends with it: there it needs the name of one, and nobody writes it by chance.
    @Test func `A vhd's header at the start is a guest's too, where the file was none`() throws {
        let bytes = HandMadeImage.vpc.bytes
        guard case .header(let dynamic) = ImageHeader.parse(bytes.span, fileSize: 9000) else {
            Issue.record("no header")
            return
        }
        let footer = ImageHeader.parseFooter(bytes.span, fileSize: 9000)
        let fixed = try #require(footer)
        #expect(dynamic.format == "vpc" && fixed.format == "vpc")
        for before in [VolumeFormat.raw, "iso", "dmg"] {
            let known = RawFiles { [listed(before)] }
            #expect(known.listed(dynamic, of: file(7), named: "v").format == .raw)
            #expect(known.listed(fixed, of: file(7), named: "v").format == "vpc")
        }
        // One that qemu-img made keeps its own.
        var linked = listed(.raw)
        linked.definition.name = "w"
        for list in [[listed("vpc"), linked], [linked, listed("vpc")]] {
            #expect(RawFiles { list }.listed(dynamic, of: file(7), named: nil).format == .raw)
        }
        let known = RawFiles { [listed("vpc")] }
        #expect(known.listed(dynamic, of: file(7), named: "v") == dynamic)
        #expect(known.listed(fixed, of: file(7), named: "v") == fixed)
    }

    @Test func `What was an image, was empty, isn't known or is another file is judged by its header`() {
        for known in [listed(.qcow2), listed(nil), listed(.raw, physical: nil)] {
            #expect(now(.qcow2, known).format == .qcow2)
        }
        #expect(now(.qcow2, listed(.raw), inode: 8).format == .qcow2)
    }

    /// FUSE gives inodes again, to whatever file comes next; Gluster never does.
    @Test func `A file that has nothing but an inode to be known by is known by its name too`() {
        #expect(now(.qcow2, listed(.raw), named: "w").format == .qcow2)
        #expect(now(.qcow2, listed(.raw), named: nil).format == .raw)
        let file = FileIdentity(device: nil, inode: 7, handle: nil, birth: Timestamp(seconds: 1, nanoseconds: 2))
        let known = Volume(listed(.raw).definition, file: file)
        let header = RawFiles { [known] }.listed(.spanningFile(.qcow2), of: file, named: "w")
        #expect(header.format == .raw)
    }

    @Test func `What isn't told by a file is known by its name, unless it was an image`() {
        #expect(RawFiles { [listed(.raw)] }.volume(named: "v")?.file == file(7))
        #expect(RawFiles { [listed(.raw)] }.volume(named: "w") == nil)
        for other in [listed(.qcow2), listed(nil), listed(.raw, physical: nil)] {
            #expect(RawFiles { [other] }.volume(named: "v") == nil)
        }
    }
}
