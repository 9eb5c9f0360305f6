import SystemProbes
import Testing

@testable import OverlayIO

@Suite("Users and groups")
struct UserFilesTests {
  /// Writes both files, and returns the user of this name.
  func account(_ name: String) throws -> UserFiles.Account? {
    let directory = try TemporaryDirectory()
    let users = try directory.written(
      "passwd",
      """
      root:x:0:0:root:/root:/bin/bash
      bad:x:many:1:::
      alice:x:1000:1000:Alice,,,:/home/alice:/bin/zsh
      short:x:7
      bob:x:1001:100::/home/bob:

      """)
    let groups = try directory.written(
      "group",
      "root:x:0:\nusers:x:100:\n"
        + "alice:x:1000:\nsudo:x:27:bob,alice\nadm:x:4:alicea\noncilla:x:998:alice\nbad:x:y:alice\n"
    )
    return UserFiles.account(name, users: users, groups: groups)
  }

  @Test("a user has a home, a shell, and the primary group before all others")
  func found() throws {
    let alice = try account("alice")
    #expect(alice?.user == 1000)
    #expect(alice?.groups == [1000, 27, 998])
    #expect(alice?.home == "/home/alice")
    #expect(alice?.shell == "/bin/zsh")
    #expect(try account("bob")?.groups == [100, 27])
    #expect(try account("bob")?.shell.isEmpty == true)
    #expect(try account("root")?.groups == [0])
  }

  @Test("who is not there, or not as passwd(5) has it, is nobody", arguments: ["carol", "bad", "short", ""])
  func missing(name: String) throws {
    #expect(try account(name) == nil)
  }
}

@Suite("Facts of the system")
struct SystemFactsTests {
  @Test("the version of a package is that of its own paragraph")
  func package() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.written(
      "status",
      "Package: tor-geoipdb\nVersion: 1\n\n"
        + "Package: tor\nStatus: install ok installed\nVersion: 0.4.9.3-1\n\nPackage: x\n"
    )
    #expect(DebianPackages.version(of: "tor", status: path) == "0.4.9.3-1")
    #expect(DebianPackages.version(of: "x", status: path) == nil)
    #expect(DebianPackages.version(of: "tor", status: "/nowhere") == nil)
  }

  @Test("the last lines of a file are whole ones")
  func lines() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.written("log", (0..<20_000).map { "line \($0)\n" }.joined() + "open")
    #expect(try lastLines(of: path, count: 3) == ["line 19998", "line 19999", "open"])
    let most = try lastLines(of: path, count: 1 << 20)
    #expect(most.allSatisfy { $0.hasPrefix("line ") || $0 == "open" })
    #expect(most.count > 1_000)
    #expect(try lastLines(of: try directory.written("empty", ""), count: 3).isEmpty)
    #expect(throws: SystemError.self) { try lastLines(of: "/dev/null", count: 3) }
  }
}

extension TemporaryDirectory {
  /// Writes a file, and returns its path.
  fileprivate func written(_ name: String, _ text: String) throws -> String {
    try write(name, text)
    return file(name)
  }
}
