import SANModel

/// Reads a list by several readers at once, of which each takes parts until none is left.
struct PartReaders: Sendable {
    let count: Int
    /// Has the readers end soon: they needn't go on for a list that nobody gets.
    let stop: @Sendable () -> Void

    /// - Returns: what all readers together have; nothing where one of them fails.
    /// - Throws: what the first one throws that fails.
    func read<Part: Sendable>(
        _ reader: @escaping @Sendable () async throws(StorageError) -> [Part]
    ) async throws(StorageError) -> [Part] {
        let results = await withTaskGroup(of: Result<[Part], StorageError>.self) { group in
            for _ in 0..<count {
                group.addTask {
                    do throws(StorageError) {
                        return .success(try await reader())
                    } catch {
                        stop()
                        return .failure(error)
                    }
                }
            }
            var results: [Result<[Part], StorageError>] = []
            for await result in group { results.append(result) }
            return results
        }
        var parts: [Part] = []
        for result in results { parts += try result.get() }
        return parts
    }
}
