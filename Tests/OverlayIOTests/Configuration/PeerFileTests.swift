import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("A file of peers.d")
struct PeerFileTests {
  private let directory: TemporaryDirectory
  private let alice: PeerFile

  init() throws {
    directory = try TemporaryDirectory()
    alice = PeerFile(
      try #require(Petname("alice")), name: try OnionName("7fd22jhmqgfl45j6"),
      routes: [try #require(IPPrefix("fd00:1::/64"))])
  }

  private var etc: String { directory.file("oncilla") }
  private var path: String { etc + "/peers.d/alice.conf" }

  @Test("it is written with its directory, for the group to read, and is a configuration")
  func written() throws {
    #expect(try alice.write(to: etc) == path)
    #expect(String(decoding: try readFile(path), as: UTF8.self) == alice.text)
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o640)
    let entries = try ConfigurationFile.read(Array(alice.text.utf8), of: path).entries
    #expect(entries.map(\.value.text) == ["alice=7fd22jhmqgfl45j6.onion", "fd00:1::/64,via=alice"])
    #expect(try SystemCall.names(in: etc + "/peers.d", limit: 9) == ["alice.conf"])
  }

  @Test("what was written so is written again, and removed")
  func replaced() throws {
    try alice.write(to: etc)
    let changed = PeerFile(alice.petname, name: alice.name, key: [UInt8](repeating: 7, count: 32))
    try changed.write(to: etc)
    #expect(String(decoding: try readFile(path), as: UTF8.self) == changed.text)
    #expect(PeerFile.exists(alice.petname, in: etc))
    #expect(try PeerFile.remove(alice.petname, from: etc))
    #expect(access(path, F_OK) != 0)
    #expect(try !PeerFile.remove(alice.petname, from: etc))
    #expect(try !PeerFile.remove(alice.petname, from: directory.file("nowhere")))
  }

  @Test("another host of the same petname does not take its place (an invitation could take over a friend's)")
  func taken() throws {
    try alice.write(to: etc)
    let other = PeerFile(alice.petname, name: try OnionName("wq52ql3uxgcxqjon"))
    #expect(throws: PeerFileError.taken(path)) { try other.write(to: etc) }
    #expect(String(decoding: try readFile(path), as: UTF8.self) == alice.text)
  }

  @Test(
    "what somebody else wrote, or changed, is left alone",
    arguments: [
      "", "# mine\n", "[peer alice]\nname = 7fd22jhmqgfl45j6.onion\n", PeerFile.mark + "\n",
      PeerFile.mark + "\n[peer alice]\nname = 7fd22jhmqgfl45j6.onion\n# and this\n",
      PeerFile.mark + "\n[peer alice]\nname = 7fd22jhmqgfl45j6.onion\nroute = fd00::/64 # hers\n",
      PeerFile.mark + "\n[peer alice]\nname = 7fd22jhmqgfl45j6.onion\n[peer bob]\n",
    ])
  func foreign(text: String) throws {
    try alice.write(to: etc)
    try directory.write("oncilla/peers.d/alice.conf", text)
    #expect(throws: PeerFileError.foreign(path)) { try alice.write(to: etc) }
    #expect(throws: PeerFileError.foreign(path)) { try PeerFile.remove(alice.petname, from: etc) }
    #expect(String(decoding: try readFile(path), as: UTF8.self) == text)
  }

  @Test("a directory that cannot be made is an error that names it")
  func failed() {
    let error = #expect(throws: PeerFileError.self) { try alice.write(to: "/proc/oncilla") }
    #expect(error?.description.contains("/proc/oncilla") == true)
  }
}
