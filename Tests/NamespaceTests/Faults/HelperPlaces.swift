import Glibc
import OverlayCore
import SystemProbes

@testable import OverlayIO

/// The files, the sockets and the names that a helper of a test deals with.
final class HelperPlaces {
  let directory: TemporaryDirectory
  let name: OnionName
  let prefix: IPPrefix
  /// What Tor has: what the daemon connects to, and what whoever speaks with its control port connects to.
  let socks: PlainSocket
  let control: PlainSocket
  private var generation = 0

  /// A hook that ends at once, and one that writes until it is ended.
  let brief = Hook(.up, "/bin/true")
  let endless = Hook(.down, "/usr/bin/yes")

  init() throws {
    directory = try TemporaryDirectory()
    name = try OnionName("2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid")
    guard let prefix = IPPrefix("fd00:a::/64"),
      let socks = PlainSocket(.unix(directory.file("socks")), SOCK_STREAM, isBound: true),
      let control = PlainSocket(.unix(directory.file("torctl")), SOCK_STREAM, isBound: true)
    else { throw SystemError(call: "listen", number: EINVAL) }
    (self.prefix, self.socks, self.control) = (prefix, socks, control)
    try directory.write("control.authcookie", String(repeating: "c", count: 32))
    mkdir(directory.file("state"), 0o700)
  }

  func path(_ name: String) -> String { directory.file(name) }

  /// The file that the daemon keeps, and the one that whoever speaks with Tor's control port does.
  var names: KeptFile { KeptFile("names", in: path("state")) }
  var key: KeptFile { KeptFile("identity.key", in: path("state")) }

  /// Writes a configuration that differs from the one before in what a daemon takes over.
  @discardableResult
  func configure() throws -> ConfigurationSource {
    generation += 1
    // What the last life could not remove.
    unlink(path("control.sock"))
    try directory.write(
      "oncilla.conf",
      """
      publish = tor
      tor-control = unix:\(path("torctl"))
      socks = unix:\(path("socks"))
      listen = 127.0.0.1:8060
      idle = \(generation % 2 == 0 ? 160 : 170)
      allow-in = any
      hosts = \(path("hosts"))
      hosts-file = \(path("kept"))
      state-dir = \(path("state"))
      control = \(path("control.sock"))
      log = \(path("log"))
      peer = friend=25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid
      route = \(prefix),via=friend
      hook = up=\(brief.path)
      hook = down=\(endless.path)

      """)
    try directory.write("hosts", "\(name.address) \(name)\n")
    try directory.write("kept", "127.0.0.1 localhost\n")
    return ConfigurationSource(.standard, file: path("oncilla.conf"))
  }

  /// What stays behind that should not, unless that is what failed; it is removed.
  func remains(exceptThoseOf failed: [String]) -> [String] {
    let drafts = ["state/names.new", "state/identity.key.new", ".kept.oncilla-new"]
    var complaints: [String] = []
    for draft in drafts where access(path(draft), F_OK) == 0 {
      // Whoever could not look for it does not find it; the next one replaces it.
      let file = draft.split(separator: ".").first.map { path("\($0)") } ?? ""
      if !failed.contains(where: { $0 == "fstat" || $0.contains(file) || $0.contains(path("state")) }) {
        complaints.append("\(draft) stays behind")
      }
      unlink(path(draft))
    }
    return complaints
  }
}
