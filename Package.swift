// swift-tools-version: 6.2

import PackageDescription

/// Every module of sanctl is compiled as Swift 6 with all warnings being errors in CI (`SANCTL_WERROR=1`).
let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
    ] + (Context.environment["SANCTL_WERROR"] == nil ? [] : [.treatAllWarnings(as: .error)])

/// For modules that touch C: every raw pointer use says `unsafe`.
let nativeSettings: [SwiftSetting] = settings + [.strictMemorySafety()]

let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "sanctl",
    products: [
        .executable(name: "sanctl", targets: ["sanctl"]),
        .library(name: "SANXML", targets: ["SANModel", "SANXML"]),
        .library(name: "SANEngine", targets: ["SANModel", "SANXML", "SANHost", "SANEngine", "SANBackends"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        .executableTarget(name: "sanctl", dependencies: ["SANCommands"], swiftSettings: settings),
        .target(
            name: "SANCommands",
            dependencies: [
                "SANBackends", "SANEngine", "SANXML", "SANHost", "SANModel", "CLinux", arguments, system, logging,
            ],
            swiftSettings: nativeSettings
        ),
        .target(
            name: "SANBackends",
            dependencies: [
                "SANBackendDirectory", "SANBackendGluster", "SANBackendISCSI", "SANBackendISCSIDirect",
                "SANBackendMultipath", "SANBackendRBD", "SANBackendSCSI", "SANEngine", "SANHost", "SANModel",
            ],
            swiftSettings: settings
        ),
        .target(
            name: "SANBackendDirectory",
            dependencies: ["SANImages", "SANEngine", "SANHost", "SANModel", "CLinux", system],
            swiftSettings: nativeSettings
        ),
        .target(
            name: "SANBackendGluster",
            dependencies: [
                "SANImages", "SANEngine", "SANHost", "SANXML", "SANModel", "CGlusterFS", "CLinux", system,
            ],
            swiftSettings: nativeSettings
        ),
        .target(
            name: "SANBackendISCSI",
            dependencies: ["SANBlockVolumes", "SANEngine", "SANHost", "SANModel", system],
            swiftSettings: nativeSettings
        ),
        .target(
            name: "SANBackendISCSIDirect",
            dependencies: ["SANEngine", "SANHost", "SANModel", "CLibISCSI", system],
            swiftSettings: nativeSettings
        ),
        .target(
            name: "SANBackendMultipath", dependencies: ["SANBlockVolumes", "SANEngine", "SANHost", "SANModel"],
            swiftSettings: settings
        ),
        .target(
            name: "SANBackendRBD", dependencies: ["SANImages", "SANEngine", "SANHost", "SANModel", "CCeph", system],
            swiftSettings: nativeSettings
        ),
        .target(
            name: "SANBackendSCSI", dependencies: ["SANBlockVolumes", "SANEngine", "SANHost", "SANModel"],
            swiftSettings: nativeSettings
        ),
        .target(
            name: "SANBlockVolumes", dependencies: ["SANEngine", "SANHost", "SANModel", "CLinux", system],
            swiftSettings: nativeSettings
        ),
        .target(
            name: "SANImages", dependencies: ["SANEngine", "SANHost", "SANModel", system], swiftSettings: nativeSettings
        ),
        .target(
            name: "SANEngine",
            dependencies: ["SANModel", "SANXML", "SANHost", system, logging],
            swiftSettings: nativeSettings
        ),
        .target(
            name: "SANHost",
            dependencies: ["SANModel", "CLinux", "CLibUdev", "CDeviceMapper", system, subprocess],
            swiftSettings: nativeSettings
        ),
        .target(
            name: "SANXML",
            dependencies: ["SANModel", "CLibXML2"],
            resources: [.embedInCode("Schemas")],
            swiftSettings: nativeSettings
        ),
        .target(name: "SANModel", swiftSettings: settings),
        .target(name: "CLinux"),
        // No system library targets either: the libraries are loaded at run time, through tables that are filled in C; their headers
        // check how they are called.
        .target(name: "CCeph"),
        .target(name: "CGlusterFS"),
        // No system library target, as those have no code of their own: its log function can't be written in Swift.
        .target(name: "CDeviceMapper", linkerSettings: [.linkedLibrary("devmapper")]),
        .target(
            name: "SANTestSupport", dependencies: ["SANEngine", "SANHost", "SANModel", system], path: "Tests/Support",
            swiftSettings: settings
        ),
        .testTarget(
            name: "SANTestSupportTests", dependencies: ["SANTestSupport", "SANModel", system], swiftSettings: settings),
        .testTarget(name: "SANModelTests", dependencies: ["SANModel"], swiftSettings: settings),
        .testTarget(
            name: "SANXMLTests", dependencies: ["SANXML", "SANModel", "SANTestSupport"], exclude: ["Corpus"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SANHostTests", dependencies: ["SANHost", "SANTestSupport", "CLinux", system], swiftSettings: settings
        ),
        .testTarget(
            name: "SANEngineTests",
            dependencies: ["SANEngine", "SANXML", "SANTestSupport", "san-engine-probe", system, subprocess, logging],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "san-stopwatch", dependencies: ["SANCommands"], path: "Tests/Stopwatch", swiftSettings: settings
        ),
        .executableTarget(
            name: "san-engine-probe", dependencies: ["SANEngine", "SANXML", "SANHost", "SANModel", system, logging],
            path: "Tests/Probe", swiftSettings: settings
        ),
        .testTarget(
            name: "SANBlockVolumesTests", dependencies: ["SANBlockVolumes", "SANTestSupport", system],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SANBackendDirectoryTests",
            dependencies: ["SANBackendDirectory", "SANImages", "SANTestSupport", system],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SANBackendGlusterTests",
            dependencies: [
                "SANBackendDirectory", "SANBackendGluster", "CGlusterFS", "SANEngine", "SANHost", "SANImages",
                "SANModel",
                "SANTestSupport", logging, system,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SANBackendISCSIDirectTests", dependencies: ["SANBackendISCSIDirect", "SANTestSupport", system],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SANBackendISCSITests",
            dependencies: [
                "SANBackendISCSI", "SANEngine", "SANHost", "SANModel", "SANTestSupport", "sanctl", logging, system,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SANBackendMultipathTests", dependencies: ["SANBackendMultipath", "SANTestSupport", system],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SANBackendRBDTests", dependencies: ["SANBackendRBD", "SANTestSupport", system],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SANBackendSCSITests",
            dependencies: [
                "SANBackendSCSI", "SANEngine", "SANHost", "SANModel", "SANXML", "SANTestSupport", "sanctl", logging,
                system,
            ],
            exclude: ["Fixtures"], swiftSettings: settings
        ),
        .testTarget(
            name: "SANCommandsTests",
            dependencies: [
                "SANCommands", "SANEngine", "SANHost", "SANModel", "SANTestSupport", "sanctl", arguments, system,
            ],
            swiftSettings: settings
        ),
        .systemLibrary(name: "CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
        .systemLibrary(name: "CLibUdev", pkgConfig: "libudev", providers: [.apt(["libudev-dev"])]),
        .systemLibrary(name: "CLibISCSI", pkgConfig: "libiscsi", providers: [.apt(["libiscsi-dev"])]),
    ]
)
