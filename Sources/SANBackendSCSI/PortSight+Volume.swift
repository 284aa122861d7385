import SANEngine
import SANHost
import SANModel

extension PortSight {
    /// The volume with what only the port knows: the transport, and the target's port of its path.
    func completing(_ volume: Volume) -> Volume {
        guard var unit = volume.unit, let hctl = unit.hctl.flatMap({ HCTL($0) }) else { return volume }
        unit.transport = "fc"
        let target = targets.first { $0.channel == hctl.channel && $0.targetID == hctl.target }
        for index in unit.paths.indices { unit.paths[index].port = target?.portName.description }
        var completed = volume
        completed.unit = unit
        return completed
    }
}
