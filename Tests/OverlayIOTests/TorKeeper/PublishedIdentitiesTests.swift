import SystemProbes
import Testing

@testable import OverlayCore
@testable import OverlayIO

@Suite("Identities whose onion services Tor makes")
struct PublishedIdentitiesTests {
  @Test("a name that another daemon keeps since this one was started is not replaced by that of a new key")
  func another() throws {
    let directory = try TemporaryDirectory()
    let text = "publish = tor\ntor-control = unix:/nobody\nlisten = 127.0.0.1:8060\nstate-dir = \(directory.path)\n"
    let given = try ConfigurationFile.read(Array(text.utf8), of: "f")
    let settings = try RunSettings(given.entries, for: .standard).daemon
    var (found, failures) = ([[OnionName]](), [String]())
    let make = {
      try PublishedIdentities(
        settings, log: Log(level: .debug, sink: NoLines()), found: { found.append($0) },
        failed: { failures.append($0) })
    }
    let daemons = [try make(), try make()]
    let names = try [
      OnionName("mrswmz3infvgw3dnnzxxa4lson2hk5txpb4xu634pv7h7aebqkb5woid"),
      OnionName("25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid"),
    ]
    for (number, daemon) in daemons.enumerated() {
      daemon.added(0, names[number], TorServiceKey((0..<64).map { UInt8($0 + number) }))
    }
    #expect(found == [[names[0]]])
    #expect(failures.count == 1 && failures.allSatisfy { $0.contains("\(directory.path)/identity.key") })
    #expect(try IdentityStore(in: directory.path).read()?.name == names[0])
  }
}
