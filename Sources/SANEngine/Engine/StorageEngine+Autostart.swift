public import SANModel

extension StorageEngine {
    /// How many pools are started at once.
    private static let autostartWidth = 8

    /// Starts every pool that is marked so; one that fails doesn't stop the others.
    ///
    /// - Returns: one outcome for each marked pool, sorted by name.
    /// - Throws: `permission_denied`, `host_failure` where the marks can't be read.
    public func startAutostartedPools() async throws(StorageError) -> [AutostartOutcome] {
        let names = try definitions.autostarted().sorted { $0.precedesNaturally($1) }
        var outcomes: [AutostartOutcome] = []
        await withTaskGroup(of: AutostartOutcome.self) { group in
            var waiting = names[...]
            for _ in 0..<Self.autostartWidth {
                guard let name = waiting.popFirst() else { break }
                group.addTask { await startMarked(name) }
            }
            while let outcome = await group.next() {
                outcomes.append(outcome)
                if let name = waiting.popFirst() { group.addTask { await startMarked(name) } }
            }
        }
        return outcomes.sorted { $0.pool.precedesNaturally($1.pool) }
    }

    private func knows(_ name: String) -> Bool {
        let record = try? record(of: name)  // what can't be read is there
        return record?.exists ?? true
    }

    private func startMarked(_ name: String) async -> AutostartOutcome {
        do throws(StorageError) {
            return AutostartOutcome(pool: name, result: .success(try await startPool(name)))
        } catch  where error.code == .notFound && !knows(name) {
            return AutostartOutcome(
                pool: name,
                result: .failure(
                    StorageError(
                        .notFound,
                        "There is no pool '\(name.printable)' any more; take its mark away with 'sanctl pool autostart --disable'",
                        subject: .pool(name.printable))))
        } catch {
            return AutostartOutcome(pool: name, result: .failure(error))
        }
    }
}
