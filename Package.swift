// swift-tools-version: 6.0
import PackageDescription

// The packet path's functions lie side by side in a release: `make packet-path` writes the list, and tells why.
let packetPath = "Sources/oncilla/packet-path.symbols"

// Neither task concurrency nor regular expressions are used: leaving their modules out makes the binary smaller.
// Debug builds, and with them the unit tests, check exclusive access to memory while they run; a release checks what the
// compiler proves, and spares the packet path the rest. There, too, the core is compiled for the one device that it is used
// with: functions of one module are made anew in the other.
let lean: [SwiftSetting] = [
  .unsafeFlags(
    [
      "-enforce-exclusivity=unchecked", "-cross-module-optimization",
      "-Xfrontend", "-function-sections",
    ], .when(configuration: .release)),
  .unsafeFlags([
    "-Xfrontend", "-disable-implicit-concurrency-module-import",
    "-Xfrontend", "-disable-implicit-string-processing-module-import",
  ]),
]

let package = Package(
  name: "oncilla",
  targets: [
    .systemLibrary(name: "CLibevent"),
    .systemLibrary(name: "CNettle", pkgConfig: "nettle", providers: [.apt(["nettle-dev"])]),
    .target(name: "CLinux"),
    .target(name: "OverlayCore", dependencies: ["CNettle"], swiftSettings: lean),
    // The archive: a shared libevent calls its own functions through the table of what it exports, for every packet.
    .target(
      name: "OverlayIO", dependencies: ["CLibevent", "CLinux", "OverlayCore"], swiftSettings: lean,
      linkerSettings: [.linkedLibrary(":libevent_core.a")]),
    .executableTarget(
      name: "oncilla", dependencies: ["OverlayIO", "OverlayCore"], exclude: ["packet-path.symbols"],
      swiftSettings: lean,
      linkerSettings: [
        .unsafeFlags(["-Xlinker", "--gc-sections"]),
        .unsafeFlags(
          [
            "-use-ld=lld", "-Xlinker", "--no-warn-symbol-ordering",
            "-Xlinker", "--symbol-ordering-file=\(Context.packageDirectory)/\(packetPath)",
          ], .when(configuration: .release)),
      ]),
    .target(name: "PacketSamples", dependencies: ["OverlayCore"], path: "Tests/PacketSamples"),
    .testTarget(name: "OverlayCoreTests", dependencies: ["OverlayCore", "PacketSamples"]),
    .testTarget(name: "OverlayIOTests", dependencies: ["OverlayIO", "OverlayCore", "CLinux", "PacketSamples"]),
    .testTarget(name: "OncillaTests", dependencies: ["oncilla", "OverlayIO", "OverlayCore"]),
  ]
)
