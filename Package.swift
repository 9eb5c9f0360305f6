// swift-tools-version: 6.0
import PackageDescription

// Neither task concurrency nor regular expressions are used: leaving their modules out makes the binary smaller.
// A release compiles the core for the one device that it is used with, across modules.
let lean: [SwiftSetting] = [
  .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
  .unsafeFlags([
    "-Xfrontend", "-disable-implicit-concurrency-module-import",
    "-Xfrontend", "-disable-implicit-string-processing-module-import",
  ]),
]

let package = Package(
  name: "oncilla",
  targets: [
    .systemLibrary(name: "CLibevent"),
    .systemLibrary(name: "CNettle", pkgConfig: "hogweed", providers: [.apt(["nettle-dev"])]),
    .systemLibrary(name: "CInih", pkgConfig: "inih", providers: [.apt(["libinih-dev"])]),
    .systemLibrary(name: "CJansson", pkgConfig: "jansson", providers: [.apt(["libjansson-dev"])]),
    .target(name: "CLinux"),
    .target(name: "CNcurses"),
    .target(name: "OverlayCore", dependencies: ["CNettle"], swiftSettings: lean),
    .target(
      name: "OverlayIO", dependencies: ["CInih", "CJansson", "CLibevent", "CLinux", "OverlayCore"], swiftSettings: lean),
    // Nobody looks for symbols in a program: without a table of them it is a thirtieth smaller.
    .executableTarget(
      name: "oncilla", dependencies: ["CNcurses", "OverlayIO", "OverlayCore"], swiftSettings: lean,
      linkerSettings: [.unsafeFlags(["-Xlinker", "--no-export-dynamic"], .when(configuration: .release))]),
    .target(name: "PacketSamples", dependencies: ["OverlayCore"], path: "Tests/PacketSamples"),
    .target(name: "SystemProbes", dependencies: ["OverlayIO"], path: "Tests/SystemProbes"),
    .testTarget(name: "OverlayCoreTests", dependencies: ["OverlayCore", "OverlayIO", "PacketSamples"]),
    .testTarget(
      name: "OverlayIOTests", dependencies: ["OverlayIO", "OverlayCore", "CLinux", "PacketSamples", "SystemProbes"]),
    .testTarget(
      name: "NamespaceTests", dependencies: ["OverlayIO", "OverlayCore", "CLinux", "PacketSamples", "SystemProbes"]),
    .testTarget(name: "OncillaTests", dependencies: ["oncilla", "OverlayIO", "OverlayCore"]),
  ]
)
