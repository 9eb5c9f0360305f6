import Foundation
import OverlayCore
import OverlayIO
import Testing

/// A network namespace of a test's own, removed with this value. Making one needs root: without it the test fails.
final class TestNamespace {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let name = "oncilla-test-" + String(UInt32.random(in: .min ... .max), radix: 16)

  init(loopbackUp: Bool = true) throws {
    guard geteuid() == 0 else { throw Failure(description: "the tests of devices and routes need root") }
    try TestNamespace.run(["netns", "add", name])
    if loopbackUp { try ip("link", "set", "lo", "up") }
  }

  deinit {
    _ = try? TestNamespace.run(["netns", "del", name])
  }

  /// Settings for an interface in the namespace.
  func settings(
    mtu: InterfaceMTU = .standard, prefix: IPv6Prefix = OverlayNetwork.tor.prefix, offload: Bool = true,
    interface: String = "\(InterfaceName.standard)"
  ) throws -> InterfaceSettings {
    let namespace = try #require(NamespaceName(name))
    return InterfaceSettings(
      name: try #require(InterfaceName(interface)), namespace: namespace, mtu: mtu, prefix: prefix, offload: offload)
  }

  /// The standard output of `ip`, run in the namespace; throws what it complains of.
  @discardableResult
  func ip(_ arguments: String...) throws -> String {
    try TestNamespace.run(["-n", name] + arguments)
  }

  /// As `ip`, with the arguments in an array.
  func run(_ arguments: [String]) throws {
    try TestNamespace.run(["-n", name] + arguments)
  }

  /// Runs a program in the namespace.
  @discardableResult
  func execute(_ arguments: String...) throws -> String {
    try TestNamespace.run(["netns", "exec", name] + arguments)
  }

  @discardableResult
  private static func run(_ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["PATH=/usr/sbin:/sbin:/usr/bin:/bin", "ip"] + arguments
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(description: "ip \(arguments.joined(separator: " ")): \(complaint)")
    }
    return text
  }
}

/// What `ip -j addr` tells of an interface.
struct ShownLink: Decodable {
  struct Address: Decodable, Equatable {
    let local: String
    let prefixlen: Int
  }

  let ifname: String
  let mtu: Int
  let flags: [String]
  let addresses: [Address]

  enum CodingKeys: String, CodingKey {
    case ifname, mtu, flags
    case addresses = "addr_info"
  }
}

/// What `ip -j route` tells of a route.
struct ShownRoute: Decodable, Equatable {
  var type: String?
  var dst: String
  var dev: String
  var `protocol`: String
  var metric: Int
}

extension TestNamespace {
  /// The interface as `ip` shows it.
  func link(_ interface: String = "oncilla0") throws -> ShownLink {
    let links = try decode([ShownLink].self, ip("-j", "addr", "show", "dev", interface))
    guard let link = links.first(where: { $0.ifname == interface }) else {
      throw Failure(description: "ip shows no \(interface)")
    }
    return link
  }

  /// The main table's routes to the overlay.
  func routes() throws -> [ShownRoute] {
    try decode([ShownRoute].self, ip("-6", "-j", "route", "show", OverlayNetwork.tor.prefix.description))
  }

  /// Waits until the interface is gone, for two seconds at most. A process that another test is starting holds a copy
  /// of the tunnel's descriptor until it runs its program.
  func waitUntilGone(_ interface: String = "oncilla0") -> Bool {
    for _ in 0..<200 {
      if (try? link(interface)) == nil { return true }
      usleep(10_000)
    }
    return false
  }

  private func decode<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
    try JSONDecoder().decode(type, from: Data(text.utf8))
  }
}

extension ShownRoute {
  /// The interface's own route.
  static let interface = ShownRoute(
    dst: "fd87:d87e:eb43::/48", dev: "oncilla0", protocol: "kernel", metric: 256)
  /// The leak guard.
  static let leakGuard = ShownRoute(
    type: "unreachable", dst: "fd87:d87e:eb43::/48", dev: "lo", protocol: "235", metric: 4096)
}
