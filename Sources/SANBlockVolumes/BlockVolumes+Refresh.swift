public import SANHost
public import SANModel

extension BlockVolumes {
    /// How long one unit may take to say what it is in a refresh: one that hangs is listed with that as its problem.
    public static let askingTime = Duration.seconds(5)

    /// The volumes of a refresh: what sysfs has, and what the units say of themselves now, where they are running.
    ///
    /// Named as a problem of the volume, whose data is then refused to be written: a unit that is another one than the kernel has it for (L01,
    /// L08), a size that the kernel hasn't noticed, a WWID that two units have (L04, L10), a unit that doesn't answer. Where this user may not
    /// open devices, or there is no node of one, it is listed as sysfs has it.
    ///
    /// - Parameter others: units of the host that aren't this pool's, for finding WWIDs that two units have.
    /// - Throws: `permission_denied`, `host_failure` where sysfs itself can't be read; `cancelled`.
    public func checkedVolumes(
        of units: [SCSIUnit], among others: [SCSIUnit] = [], keys: KeyStyle = .unit, until deadline: Deadline
    ) async throws(StorageError) -> [Volume] {
        // Most of the one is waiting for units, and all of the other is reading.
        async let read = read(units, keys, until: deadline)
        let findings = try await findings(of: units, among: others, until: deadline)
        var volumes = try await read.get()
        let places = Dictionary(
            volumes.indices.compactMap { index in volumes[index].unit?.hctl.map { ($0, index) } },
            uniquingKeysWith: { first, _ in first })
        for (hctl, errors) in findings.problems where !errors.isEmpty {
            guard let index = places[hctl.description] else { continue }
            let name = volumes[index].name
            volumes[index].problems += errors.map { Problem($0.about(.volume, name)) }
        }
        return volumes
    }

    private func read(
        _ units: [SCSIUnit], _ keys: KeyStyle, until deadline: Deadline
    ) async -> Result<[Volume], StorageError> {
        do throws(StorageError) {
            let volumes = try await withBlockingThread(named: "san-sysfs", until: deadline, waitingFor: "sysfs") {
                () throws(StorageError) -> [Volume] in try self.volumes(of: units, keys: keys)
            }
            return .success(volumes)
        } catch {
            return .failure(error)
        }
    }

    /// What the units say of themselves now, where they are running, and which of them can't all be what they say.
    ///
    /// - Parameter others: units of the host that aren't this pool's, for finding WWIDs that two units have.
    /// - Throws: `permission_denied`, `host_failure` where sysfs itself can't be read; `cancelled`.
    public func findings(
        of units: [SCSIUnit], among others: [SCSIUnit] = [], until deadline: Deadline
    ) async throws(StorageError) -> UnitFindings {
        let asked = units.filter { $0.isRunning && $0.block != nil && $0.deviceType == .disk }
        let answers = await interview.ask(asked, patience: BlockVolumes.askingTime, until: deadline)
        if Task.isCancelled { throw StorageError(.cancelled, "Cancelled while asking units what they are") }
        return try await withBlockingThread(named: "san-sysfs", until: deadline, waitingFor: "sysfs") {
            () throws(StorageError) in
            let known = Set(units.map(\.hctl))
            let conflicts = try SharedIdentity.conflicts(among: units + others.filter { !known.contains($0.hctl) })
            var findings = UnitFindings()
            for unit in units {
                let answer = answers[unit.hctl].flatMap { problem(of: unit, $0) }
                findings.problems[unit.hctl] = [answer, conflicts[unit.hctl]].compactMap(\.self)
                if answer?.code == .notFound { findings.gone.insert(unit.hctl) }
            }
            return findings
        }
    }

    /// What is wrong with a unit by its own answer; nil where nothing is, and where it couldn't be asked.
    func problem(of unit: SCSIUnit, _ answer: Result<LiveIdentity, StorageError>) -> StorageError? {
        switch answer {
        case .success(let live): return ListedIdentity.staleness(unit, live)
        case .failure(let error):
            // No node, or no right to open it: nothing is known to be wrong. A unit that is gone has its own subject.
            let isUnasked = error.code == .permissionDenied || (error.code == .notFound && error.isAboutAPath)
            return isUnasked ? nil : error
        }
    }
}

extension StorageError {
    fileprivate var isAboutAPath: Bool { subject.values[.path] != nil }
}

/// What came of asking units what they are.
public struct UnitFindings: Sendable {
    /// What is wrong with each unit.
    public var problems: [HCTL: [StorageError]] = [:]
    /// Units that say that there is none at their address: the target has taken the LUN away.
    public var gone: Set<HCTL> = []
}
