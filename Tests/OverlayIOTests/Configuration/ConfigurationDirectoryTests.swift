import Glibc
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("Directories of configuration files that are made")
struct ConfigurationDirectoryTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func mode(_ path: String) throws -> mode_t { try SystemCall.status(at: path).st_mode & 0o7777 }

  @Test(
    "an instance's are as closed as what they are in (root made them for everybody to read)", arguments: [0o750, 0o700])
  func closed(_ mode: Int) throws {
    let base = directory.file("oncilla")
    try SystemCall.makeDirectory(base, mode: 0o700)
    try setMode(mode_t(mode), of: base)
    try ConfigurationDirectory.make("\(base)/office/conf.d")
    #expect(try self.mode("\(base)/office") == mode_t(mode))
    #expect(try self.mode("\(base)/office/conf.d") == mode_t(mode))
    #expect(try SystemCall.status(at: "\(base)/office").st_gid == SystemCall.status(at: base).st_gid)
    try setMode(0o755, of: "\(base)/office/conf.d")
    try ConfigurationDirectory.make("\(base)/office/conf.d")
    #expect(try self.mode("\(base)/office/conf.d") == 0o755, "what is there is left as it is")
  }

  @Test("members of the group save peers, and nobody else may write anywhere")
  func peers() throws {
    let base = directory.file("oncilla")
    try SystemCall.makeDirectory(base, mode: 0o700)
    try setMode(0o1777, of: base)
    try ConfigurationDirectory.make("\(base)/office/peers.d")
    #expect(try mode("\(base)/office") == 0o755)
    let isRoots = try SystemCall.status(at: base).st_gid == 0
    #expect(try mode("\(base)/office/peers.d") == (isRoots ? 0o755 : 0o2775))
    if isRoots {
      // As the package has it, where somebody may give directories away.
      try setGroup(1, of: "\(base)/office")
      try setMode(0o750, of: "\(base)/office")
      #expect(rmdir("\(base)/office/peers.d") == 0)
      try ConfigurationDirectory.make("\(base)/office/peers.d")
      #expect(try mode("\(base)/office/peers.d") == 0o2770)
      #expect(try SystemCall.status(at: "\(base)/office/peers.d").st_gid == 1)
    }
  }
}
