import SystemPackage

/// Where QEMU finds the bytes of an image.
package enum ImagePlace: Sendable, Hashable {
    /// A file of this host.
    case file(FilePath)
    /// A file of a Gluster volume, through QEMU's own driver.
    case gluster(servers: [Server], volume: String, path: String)

    package struct Server: Sendable, Hashable {
        var host: String
        var port: UInt16

        package init(host: String, port: UInt16) {
            self.host = host
            self.port = port
        }
    }

    /// As a protocol node of QEMU's block layer, in JSON.
    var node: String {
        switch self {
        case .file(let path): return "{\"driver\":\"file\",\"filename\":\(JSONWord(path.string))}"
        case .gluster(let servers, let volume, let path):
            let list = servers.map {
                "{\"type\":\"inet\",\"host\":\(JSONWord($0.host)),\"port\":\"\($0.port)\"}"
            }
            // Without its log, which libgfapi writes to standard error otherwise, a failure's reason can be read.
            return "{\"driver\":\"gluster\",\"debug\":0,\"volume\":\(JSONWord(volume)),\"path\":\(JSONWord(path)),"
                + "\"server\":[\(list.joined(separator: ","))]}"
        }
    }

    /// As the argument of a program that makes the image.
    var name: String {
        switch self {
        case .file(let path): path.string
        case .gluster: "json:\(node)"
        }
    }
}

/// A JSON string.
struct JSONWord: CustomStringConvertible {
    let description: String

    init(_ text: String) {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\u{0}"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        description = result + "\""
    }
}
