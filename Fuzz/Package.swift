// swift-tools-version: 6.2

import PackageDescription

// A package of its own, so that building and testing sanctl needs no fuzzer; `Fuzz/run` builds and starts it.
let package = Package(
    name: "Fuzz",
    dependencies: [.package(name: "sanctl", path: "..")],
    targets: [
        .target(name: "CLibFuzzer"),
        .executableTarget(
            name: "FuzzXML", dependencies: ["CLibFuzzer", .product(name: "SANXML", package: "sanctl")],
            swiftSettings: [.swiftLanguageMode(.v6)]),
    ]
)
