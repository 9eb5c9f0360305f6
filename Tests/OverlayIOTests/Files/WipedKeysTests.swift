import Glibc
import SystemProbes
import Testing

@testable import OverlayCore
@testable import OverlayIO

/// Where a key was in memory, something else is now: what would still be there could be read in a swap file, or in what
/// is left of a process that crashed.
@Suite("Keys are overwritten")
struct WipedKeysTests {
  @Test("what a key was kept in, and backed up and read again, has nothing of it any more")
  func backup() throws {
    let scratch = try TemporaryDirectory()
    let masks = try (0..<3).map { _ in try Self.handleKey(in: scratch) }
    let memory = try Memory()
    for mask in masks { #expect(memory.count(of: mask) == 0, "it is left behind") }
    // As it is found where it is kept.
    let kept = Self.secret(masks[0])
    #expect(memory.count(of: masks[0]) > 0)
    withExtendedLifetime(kept) {}
  }

  /// Makes an identity, keeps it, backs it up beside others, and reads it from everywhere. It returns the middle of the
  /// text of its key, masked: the allocator itself writes over the beginning of what it gets back.
  private static func handleKey(in scratch: TemporaryDirectory) throws -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    var bytes = (0..<TorServiceKey.size).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    let key = try #require(TorServiceKey(bytes))
    bytes.wipe()
    let name = try #require(OnionName(publicKey: (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }))
    let identity = StoredIdentity(name: name, key: key)
    let store = IdentityStore(in: scratch.path)
    try store.keep(identity)
    for number in 0..<6 {
      let other = try #require(OnionName(publicKey: (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }))
      try IdentityStore(in: scratch.path, Petname("id-\(number)")).keep(StoredIdentity(name: other, key: key))
    }
    let backup = try #require(try KeptIdentities(in: scratch.path).read())
    let path = scratch.file("backup-\(UInt64.random(in: 0 ... .max, using: &random))")
    try IdentityFiles.write(backup, to: path)
    #expect(try IdentityFiles.readBackup(path) == backup)
    let command = TorControlCommand.add(number: 0, isDefended: true)
    var line = command.line(nonce: [], service: TorService(number: 0, port: 1, target: "x", key: key, name: name))
    var text = key.text
    let mask = (40..<64).map { ~text[$0] }
    line.wipe()
    text.wipe()
    return mask
  }

  @Test("the key that Tor makes is left nowhere on its way from the control port, whole or cut off")
  func made() throws {
    let sizes = [1, 7, 40, 100, 200, 4_096]
    let masks = try sizes.enumerated().map { try Self.takeMadeKey(inPiecesOf: $1, isCut: $0 % 2 == 1) }
    let memory = try Memory()
    for mask in masks { #expect(memory.count(of: mask) == 0, "it is left behind") }
    let kept = Self.secret(masks[0])
    #expect(memory.count(of: masks[0]) > 0)
    withExtendedLifetime(kept) {}
  }

  /// Plays a Tor that makes a key, which it tells in pieces, and which may be cut off before it is told to its end. It
  /// returns the middle of the key's text, masked.
  private static func takeMadeKey(inPiecesOf size: Int, isCut: Bool) throws -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    var bytes = (0..<TorServiceKey.size).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    var key = TorServiceKey(bytes)
    bytes.wipe()
    var text = try #require(key).text
    key = nil
    let name = try #require(OnionName(publicKey: (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }))
    let now = Instant(nanoseconds: 0)
    let service = try #require(TorService(number: 0, port: 8_060, target: "127.0.0.1:8061"))
    let nonce = [UInt8](repeating: 1, count: 32)
    var session = TorControlSession(services: [service], isTrusted: true, nonce: nonce, at: now)
    for reply in [
      "250-PROTOCOLINFO 1\r\n250-AUTH METHODS=NULL\r\n250 OK\r\n", "250 OK\r\n", "250 OK\r\n",
      "250-version=0.4.9.11\r\n250 OK\r\n", "250-ServiceID=\(name.label)\r\n250-PrivateKey=",
    ] {
      session.receive(Array(reply.utf8), at: now)
    }
    var rest = text[...]
    if isCut { rest.removeLast(3) }
    while !rest.isEmpty {
      var piece = Array(rest.prefix(size))
      session.receive(piece, at: now)
      piece.wipe()
      rest = rest.dropFirst(size)
    }
    if !isCut { session.receive(Array("\r\n250 OK\r\n".utf8), at: now) }
    var isTold = false
    while let action = session.nextAction() {
      if case .tell(.added(_, _, let newKey)) = action { isTold = newKey != nil }
    }
    #expect(isTold != isCut)
    let mask = (40..<64).map { ~text[$0] }
    rest = []
    text.wipe()
    return mask
  }

  private static func secret(_ mask: [UInt8]) -> [UInt8] { mask.map { ~$0 } }

  /// The memory of this process that it can write to.
  private final class Memory {
    private static let size = 1 << 20
    // What a sanitizer notes of memory is mapped as terabytes, and has no byte of the program.
    private static let greatestRegion = 1 << 36

    private let file: FileDescriptor
    // Shared memory is not looked at: it has what was read last.
    private let buffer: UnsafeMutableRawPointer

    init() throws {
      file = try SystemCall.open("/proc/self/mem", O_RDONLY)
      buffer = try #require(mmap(nil, Memory.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
    }

    deinit { munmap(buffer, Memory.size) }

    /// How often a text is there, which is given masked, so that the question itself is not found.
    func count(of mask: [UInt8]) -> Int {
      var found = 0
      let needle = UnsafeMutableRawPointer.allocate(byteCount: mask.count, alignment: 16)
      defer { needle.deallocate() }
      for region in regions {
        var start = region.lowerBound
        while start < region.upperBound {
          let length = min(Memory.size, region.upperBound - start)
          let count = pread(file.number, buffer, length, off_t(start))
          if count > 0 {
            for (place, byte) in mask.enumerated() { needle.storeBytes(of: ~byte, toByteOffset: place, as: UInt8.self) }
            found += hits(needle, mask.count, in: count)
            memset(needle, 0, mask.count)
          }
          start += max(1, length - (length == Memory.size ? mask.count : 0))
        }
      }
      return found
    }

    private func hits(_ needle: UnsafeMutableRawPointer, _ size: Int, in count: Int) -> Int {
      var (found, place) = (0, 0)
      let first = Int32(needle.load(as: UInt8.self))
      while place + size <= count, let hit = memchr(buffer + place, first, count - size - place + 1) {
        if memcmp(hit, needle, size) == 0 { found += 1 }
        place = hit - buffer + 1
      }
      return found
    }

    /// Without the stack of the first thread.
    private var regions: [Range<Int>] {
      let lines = (try? readFile("/proc/self/maps", limit: 1 << 24)).map { String(decoding: $0, as: UTF8.self) } ?? ""
      return lines.split(separator: "\n").compactMap { line in
        let fields = line.split(separator: " ")
        let bounds = fields[0].split(separator: "-").compactMap { Int($0, radix: 16) }
        guard fields[1] == "rw-p", bounds.count == 2, fields.last != "[stack]" else { return nil }
        return bounds[1] - bounds[0] < Memory.greatestRegion ? bounds[0]..<bounds[1] : nil
      }
    }
  }
}
