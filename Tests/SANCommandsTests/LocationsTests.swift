import SANModel
import SystemPackage
import Testing

@testable import SANCommands

@Suite("Where sanctl keeps what")
struct LocationsTests {
    private let root = Locations.User(isRoot: true, id: 0, workingDirectory: "/work")
    private let user = Locations.User(isRoot: false, id: 1000, workingDirectory: "/work")

    @Test("Root's defaults")
    func rootDefaults() throws {
        let locations = try Locations(Locations.Choice(), environment: ["XDG_CONFIG_HOME": "/x"], user: root)
        #expect(locations.configuration == "/etc/sanctl")
        #expect(locations.state == "/var/lib/sanctl")
        #expect(locations.runtime == "/run/sanctl")
        #expect(locations.hostRoot == "/")
    }

    @Test("An ordinary user's XDG folders, and what stands in for them")
    func userDefaults() throws {
        let set = try Locations(
            Locations.Choice(),
            environment: ["XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_RUNTIME_DIR": "/r", "HOME": "/home/u"],
            user: user)
        #expect([set.configuration, set.state, set.runtime] == ["/c/sanctl", "/s/sanctl", "/s/sanctl/run"])
        let unset = try Locations(
            Locations.Choice(), environment: ["HOME": "/home/u", "XDG_CONFIG_HOME": "relative"], user: user)
        #expect(unset.configuration == "/home/u/.config/sanctl")
        #expect(unset.state == "/home/u/.local/state/sanctl")
        #expect(unset.runtime == "/home/u/.local/state/sanctl/run")
        #expect([set.volatile, unset.volatile] == ["/run/user/1000/sanctl", "/run/user/1000/sanctl"])
    }

    @Test("A login shell and cron meet in one runtime folder; what is named is also where ephemeral secrets are")
    func oneRuntimeFolder() throws {
        let login = try Locations(
            Locations.Choice(), environment: ["HOME": "/home/u", "XDG_RUNTIME_DIR": "/run/user/1000"], user: user)
        let cron = try Locations(Locations.Choice(), environment: ["HOME": "/home/u"], user: user)
        #expect(login == cron)
        let named = try Locations(
            Locations.Choice(), environment: ["HOME": "/home/u", "SANCTL_RUNTIME_DIR": "/dev/shm/x"], user: user)
        #expect([named.runtime, named.volatile] == ["/dev/shm/x", "/dev/shm/x"])
        let administrator = try Locations(Locations.Choice(), environment: [:], user: root)
        #expect(administrator.volatile == "/run/sanctl")
    }

    @Test("Options before environment before defaults; relative folders from the working directory")
    func precedence() throws {
        let environment = ["SANCTL_CONFIG_DIR": "/env", "SANCTL_STATE_DIR": "env/state", "SANCTL_HOST_ROOT": "/tree"]
        let locations = try Locations(Locations.Choice(configuration: "../opt"), environment: environment, user: root)
        #expect(locations.configuration == "/opt")
        #expect(locations.state == "/work/env/state")
        #expect(locations.hostRoot == "/tree")
    }

    @Test("Without HOME an ordinary user is told what to set; an empty option is a mistake")
    func refused() {
        #expect(throws: StorageError.self) { try Locations(Locations.Choice(), environment: [:], user: user) }
        #expect(throws: StorageError.self) {
            try Locations(Locations.Choice(configuration: ""), environment: [:], user: root)
        }
    }
}
