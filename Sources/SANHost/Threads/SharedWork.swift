import Glibc
import SANModel
import Synchronization

/// What becomes of each of many things, where each takes some system calls: done by a few threads, in the order of the things.
///
/// The caller's thread works too and blocks until all is done; to be called on a thread of its own.
///
/// - Throws: what `body` throws for the first thing that it throws for.
package func mapOnThreads<Item: Sendable, Value: Sendable>(
    _ items: [Item], named name: String, _ body: @escaping @Sendable (Item) throws(StorageError) -> Value
) throws(StorageError) -> [Value] {
    let work = SharedWork(items, body)
    let processors = min(sysconf(Int32(_SC_NPROCESSORS_ONLN)), mostThreads)
    let others = max(0, min(items.count / thingsWorthAThread, processors) - 1)
    let ended = Event()
    for _ in 0..<others {
        OneShotThread.start(name: name) {
            work.run()
            ended.signal()
        }
    }
    work.run()
    for _ in 0..<others { ended.wait() }
    return try work.values()
}

/// Below so many for each a thread costs more than it saves.
private let thingsWorthAThread = 8
private let mostThreads = 4

private final class SharedWork<Item: Sendable, Value: Sendable>: Sendable {
    private let items: [Item]
    private let body: @Sendable (Item) throws(StorageError) -> Value
    private let next = Atomic(0)
    private let results: Mutex<[Result<Value, StorageError>?]>

    init(_ items: [Item], _ body: @escaping @Sendable (Item) throws(StorageError) -> Value) {
        self.items = items
        self.body = body
        results = Mutex(Array(repeating: nil, count: items.count))
    }

    func run() {
        while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < items.count else { return }
            let result: Result<Value, StorageError>
            do throws(StorageError) {
                result = .success(try body(items[index]))
            } catch {
                result = .failure(error)
            }
            results.withLock { $0[index] = result }
        }
    }

    func values() throws(StorageError) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(items.count)
        for result in results.withLock({ $0 }) {
            if let result { values.append(try result.get()) }
        }
        return values
    }
}
