import SANModel

// Which images are encrypted: those that begin with a header of LUKS. Their first objects are read, many at a time.
extension ImageScan {
    /// Looks at the beginning of each image.
    ///
    /// A clone that has no first object of its own begins as its parent does: one image of each such parent is opened.
    func readBeginnings(_ findings: inout [Finding]) throws(StorageError) {
        var marked: [Int] = []
        var children: [(index: Int, parent: ImageHeader.Parent)] = []
        let all = findings
        try readFirst(ImageLUKS.mark.count, of: Array(all.indices), all, window: ImageScan.window) { index, outcome in
            if outcome.answers.first == ImageLUKS.mark { marked.append(index) }
            guard CephFailure(outcome.result).errno == .noSuchFileOrDirectory,
                case .success(let header) = all[index].header, let parent = header.parent
            else { return }
            children.append((index, parent))
        }
        var headers: [Int: ImageLUKS] = [:]
        // An answer of each takes 128 KiB.
        try readFirst(ImageLUKS.headerLength, of: marked, all, window: 8) { index, outcome in
            guard let answer = outcome.answers.first ?? nil, case .success(let header) = all[index].header else {
                return
            }
            headers[index] = ImageLUKS(answer, imageSize: header.size)
        }
        for (index, luks) in headers { findings[index].luks = luks }

        var inherited: [ImageHeader.Parent: ImageLUKS?] = [:]
        for (index, parent) in children {
            try checkDeadline()
            if inherited[parent] == nil {
                let name = findings[index].image.name
                let image = try? OpenImage(name, readOnly: true, connection)  // it is listed as far as it is known
                inherited[parent] = .some(try? image?.luks())  // the same
            }
            findings[index].luks = inherited[parent] ?? nil
        }
    }

    private func readFirst(
        _ count: Int, of indices: [Int], _ findings: [Finding], window: Int,
        _ body: (Int, ClassCalls.Outcome) -> Void
    ) throws(StorageError) {
        let pool = connection.poolID
        try ask(indices, [ClassCalls.Call(method: nil, input: [], limit: count)], window: window) { index in
            guard case .success(let header) = findings[index].header, !findings[index].image.id.isEmpty else {
                return nil
            }
            return (header.firstObject(of: findings[index].image.id, in: pool), header.dataPool)
        } answered: { index, outcome in
            if let outcome { body(index, outcome) }
        }
    }
}
