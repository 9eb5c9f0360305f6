import Testing

@testable import OverlayCore

@Suite("The lookup service's answer")
struct LookupAnswerTests {
  /// How an answer ended: with a name, with a failure, or, when the service closed, not at all.
  private enum End: Equatable {
    case found(OnionName)
    case failed(LookupFailure)
  }

  private static func end(of bytes: [UInt8], about address: IPv6Address, pieces: Int) -> End {
    var answer = LookupAnswer(about: address)
    var rest = bytes[...]
    do throws(LookupFailure) {
      while !rest.isEmpty {
        let part = Array(rest.prefix(pieces))
        rest = rest.dropFirst(pieces)
        let found: Result<OnionName?, LookupFailure> = part.withUnsafeBytes { bytes in
          do throws(LookupFailure) { return .success(try answer.consume(bytes)) } catch { return .failure(error) }
        }
        if let name = try found.get() { return .found(name) }
      }
      return .failed(answer.closed)
    } catch {
      return .failed(error)
    }
  }

  @Test("each answer ends as it is to, in whatever pieces it comes")
  func ends() throws {
    let name = try OnionName.sample(1)
    let (line, other) = (LookupAnswer.line(of: name), LookupAnswer.line(of: try .sample(2)))
    let text = Array("\(name)".utf8)
    #expect(line == text + [10] && line.count == 63)
    var damaged = line
    damaged[3] = damaged[3] == UInt8(ascii: "b") ? UInt8(ascii: "c") : UInt8(ascii: "b")
    let cases: [([UInt8], End)] = [
      (line, .found(name)),
      (line + Array("and more".utf8), .found(name)),
      (line + other, .found(name)),
      (Array("\(name)\n".uppercased().utf8), .found(name)),
      ([], .failed(.silent)),
      (text, .failed(.cut)),
      (Array(text.prefix(1)), .failed(.cut)),
      ([10], .failed(.notName)),
      (text + [13, 10], .failed(.notName)),
      ([32] + line, .failed(.notName)),
      ([0] + line, .failed(.notName)),
      (Array("HTTP/1.1 301\r\n".utf8), .failed(.notName)),
      (Array("\(name.label)\n".utf8), .failed(.notName)),
      (Array("\(try name.twin)\n".utf8), .failed(.notName)),
      (Array("a\(name)\n".utf8), .failed(.notName)),
      (damaged, .failed(.notName)),
      (Array("\(name.rival)\n".utf8), .failed(.notName)),
      (text + text, .failed(.tooLong)),
      ([UInt8](repeating: UInt8(ascii: "a"), count: 64), .failed(.tooLong)),
      ([UInt8](repeating: UInt8(ascii: "a"), count: 1 << 20), .failed(.tooLong)),
      (other, .failed(.otherAddress)),
    ]
    for (bytes, expected) in cases {
      for pieces in [1, 2, 7, 62, 63, 64, 1_000] {
        #expect(Self.end(of: bytes, about: name.address, pieces: pieces) == expected, "\(bytes.prefix(70))")
      }
    }
  }

  @Test("no byte but those of names is taken into a line")
  func bytes() throws {
    let name = try OnionName.sample(1)
    for byte in UInt8.min...UInt8.max where byte != 10 {
      let isOfName = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ234567.".utf8.contains(byte)
      let end = Self.end(of: [byte], about: name.address, pieces: 1)
      #expect(end == .failed(isOfName ? .cut : .notName))
    }
  }
}
