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

// The program is linked by the toolchain's own lld, whatever linker the system has. It packs the relocations of a
// program that is loaded anywhere, a twentieth of it, which glibc reads from 2.36 on; an older lld says that it cannot,
// and does not. Nobody looks for symbols in a program: without a table of them it is a thirtieth smaller. What is
// relocated is read-only before the first line runs.
let linking: [LinkerSetting] = [
  .unsafeFlags(
    [
      "-use-ld=lld", "-Xlinker", "--no-export-dynamic", "-Xlinker", "-z", "-Xlinker", "now",
      "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs",
    ], .when(configuration: .release))
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
    .executableTarget(
      name: "oncilla", dependencies: ["CNcurses", "OverlayIO", "OverlayCore"], swiftSettings: lean,
      linkerSettings: linking),
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
