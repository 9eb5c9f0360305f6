import OverlayCore
import OverlayIO
import Testing

@testable import oncilla

@Suite("Several identities")
struct IdentityOptionTests {
  static let carol = "657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd.onion"
  /// Another name for the address of `carol`.
  static let twin = "lmpt67wunx7itgyd.onion"
  static let alice = "7fd22jhmqgfl45j6.onion"
  static let bob = "wq52ql3uxgcxqjon.onion"

  static let accepted: [([String], [[String]])] = [
    (
      ["--onion", "\(alice),listen=127.0.0.1:1", "--onion", "\(bob),listen=127.0.0.1:2"],
      [["127.0.0.1:1"], ["127.0.0.1:2"]]
    ),
    (
      ["--linkable-identities", "--onion", alice, "--onion", "\(bob),listen=127.0.0.1:2"],
      [["127.0.0.1:8060"], ["127.0.0.1:2"]]
    ),
    (["--linkable-identities", "--onion", alice, "--onion", bob], [["127.0.0.1:8060"], ["127.0.0.1:8060"]]),
    (
      ["--linkable-identities", "--listen=[::1]:9", "--onion", alice, "--onion", "\(bob),listen=127.0.0.1:2"],
      [["[::1]:9"], ["127.0.0.1:2", "[::1]:9"]]
    ),
    (["--linkable-identities", "--onion", alice], [["127.0.0.1:8060"]]),
  ]

  @Test("each listens where it says, or where all do if that is wanted", arguments: accepted)
  func listeners(arguments: [String], expected: [[String]]) throws {
    let daemon = try #require(try RunOptions.parse(arguments)).daemon
    #expect(daemon.identities.map { $0.listen.map(\.description) } == expected)
    #expect(daemon.identities.first?.name == .onion(try OnionName(IdentityOptionTests.alice)))
  }

  @Test(
    "an own name is taken as it is pasted",
    arguments: [" http://\(alice)/ ", "\(alice):8060", "HTTPS://7FD22JHMQGFL45J6.ONION:8060/,listen=127.0.0.1:1"])
  func pasted(value: String) throws {
    let daemon = try #require(try RunOptions.parse(["--onion", value])).daemon
    #expect(daemon.identities.map(\.name) == [.onion(try OnionName(IdentityOptionTests.alice))])
  }

  @Test("a port of its own that is not the service port is refused")
  func port() throws {
    let value = "\(IdentityOptionTests.alice):80"
    let error = #expect(throws: CommandError.self) { try RunOptions.parse(["--onion", value]) }
    #expect(error?.description.hasPrefix("--onion '\(value)': its port is 80, and all peers are dialled at") == true)
  }

  @Test("there is a bound to identities")
  func bound() throws {
    let letters = Array("abcdefghijklmnopqrstuvwxyz")
    let names = (0..<129).map { "aaaaaaaaaaaaaa\(letters[$0 / 26])\(letters[$0 % 26]),listen=127.0.0.1:\($0 + 1)" }
    let arguments = names.flatMap { ["--onion", $0] }
    let daemon = try #require(try RunOptions.parse(arguments.dropLast(2))).daemon
    #expect(daemon.identities.count == 128)
    let error = #expect(throws: CommandError.self) { try RunOptions.parse(arguments) }
    #expect(error?.description == "--onion '\(names[128])': at most 128 identities are accepted")
  }

  static let needs =
    "of several identities each needs a listener of its own, NAME,listen=HOST:PORT, or --linkable-identities"
  static let refused: [([String], String)] = [
    (["--onion", alice, "--onion", "\(bob),listen=127.0.0.1:2"], "--onion '\(alice)': \(needs)"),
    (["--onion", "\(alice),listen=127.0.0.1:2", "--onion", bob], "--onion '\(bob)': \(needs)"),
    (
      ["--onion", "\(alice),listen=127.0.0.1:2", "--onion", "\(bob),listen=127.0.0.1:2"],
      "--onion '\(bob),listen=127.0.0.1:2': 127.0.0.1:2 is the listener of another identity; each needs its own, or "
        + "--linkable-identities"
    ),
    (
      ["--listen=[::1]:9", "--onion", "\(alice),listen=127.0.0.1:1", "--onion", "\(bob),listen=127.0.0.1:2"],
      "--listen '[::1]:9': several identities would share it; ',listen=HOST:PORT' after each --onion NAME is accepted, "
        + "or --linkable-identities"
    ),
    (["--onion", alice, "--onion", alice], "--onion '\(alice)': this identity is already given"),
    (
      ["--onion", carol, "--onion", twin],
      "--onion '\(twin)': \(carol) is already given and has the same address fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03"
    ),
    (
      ["--onion", "\(alice),listen=127.0.0.1:1", "--onion", "\(bob),listen=127.0.0.1:2", "--hostname-file", "f"],
      "--onion and --hostname-file exclude each other: one of them is accepted"
    ),
  ]

  @Test("what would show that they belong together is refused", arguments: refused)
  func refuses(arguments: [String], line: String) {
    let error = #expect(throws: CommandError.self) { try RunOptions.parse(arguments) }
    #expect(error?.description == line)
    #expect(error?.exitStatus == 2)
  }
}
