/// URIs of volumes, folders and files: `gluster://host[:port]/volume/folder/file`, as libvirt writes them.
enum GlusterURI {
    static func text(_ server: GlusterServer, _ components: [String]) -> String {
        "gluster://\(server)" + components.map { "/" + encoded($0) }.joined()
    }

    /// As libxml2's xmlSaveUri, which libvirt uses: unreserved characters and a few more stay as they are.
    static func encoded(_ path: String) -> String {
        path.utf8.reduce(into: "") { result, byte in
            let isLetter = (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte)
            if isLetter || kept.contains(byte) {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.utf8.count < 2 ? "0" : "") + digits
            }
        }
    }

    private static let kept = Set("-_.!~*'()/;@&=+$,".utf8)
}
