import Testing

@testable import OverlayCore

@Suite("SOCKS5, which tells why a circuit was refused")
struct SOCKS5Tests {
  private let question: SOCKS5Question

  init() throws {
    var random: any RandomNumberGenerator = SeededGenerator(seed: 7)
    question = SOCKS5Question(name: try .sample(1), port: 8_060, user: UserIdentifier(using: &random))
  }

  /// Feeds `pieces`; what was to be sent, and the answer.
  private func feed(_ pieces: [[UInt8]]) throws -> (sent: [[UInt8]], code: UInt8?) {
    var question = question
    var sent = [question.greeting]
    for piece in pieces {
      switch try piece.withUnsafeBytes({ try question.consume($0) }) {
      case .wait: break
      case .send(let bytes): sent.append(bytes)
      case .answered(let code): return (sent, code)
      case .text: Issue.record("nothing was asked of the service")
      }
    }
    return (sent, nil)
  }

  @Test("the conversation, byte by byte: a user name, no password, the name of the service")
  func conversation() throws {
    let (sent, code) = try feed([[5, 2], [1, 0], [5, 4, 0, 1, 0, 0, 0, 0, 0, 0]])
    let user = Array(question.user.text.utf8)
    let name = Array("\(question.name)".utf8)
    #expect(user.count == 16 && name.count == 62)
    #expect(sent == [[5, 1, 2], [1, 16] + user + [0], [5, 1, 0, 3, 62] + name + [0x1f, 0x7c]])
    #expect(code == 4)
  }

  @Test("answers that come byte by byte are understood")
  func bytewise() throws {
    let (sent, code) = try feed([5, 2, 1, 0, 5, 0xf4].map { [$0] })
    #expect(sent.count == 3)
    #expect(code == 0xf4)
  }

  @Test("any other byte in the places that are fixed is no SOCKS5")
  func garbage() throws {
    let good: [UInt8] = [5, 2, 1, 0, 5]
    for place in good.indices {
      for byte in UInt8.min...UInt8.max where byte != good[place] {
        #expect(throws: DialFailure.notSOCKS(byte: byte)) { try feed([Array(good[..<place]) + [byte]]) }
      }
    }
  }

  @Test("each code has its meaning, and the general one has another where there are none for keys and names")
  func codes() {
    let meanings: [(UInt8, DialFailure?)] = [
      (0x00, nil), (0x01, .generalFailure), (0x02, .other(code: 2)), (0x04, .notFoundOrUseless), (0x05, .portNotMapped),
      (0xf0, .notFound), (0xf1, .badDescriptor), (0xf2, .noRendezvous), (0xf3, .noRendezvous), (0xf4, .keyMissing),
      (0xf5, .keyWrong), (0xf6, .badName), (0xf7, .noRendezvous),
    ]
    for (code, meaning) in meanings {
      #expect(DialFailure(socks5: code, isExtended: false) == meaning)
      #expect(DialFailure(socks5: code, isExtended: true) == (code == 1 ? .nobodyListens : meaning))
    }
  }

  @Test(
    "the text of a service follows a whole reply, whatever address Tor gives, in any pieces",
    arguments: [[1, 0, 0, 0, 0], [4] + [UInt8](repeating: 9, count: 16), [3, 2, 7, 7], [3, 0]] as [[UInt8]])
  func text(address: [UInt8]) throws {
    let all: [UInt8] = [5, 2, 1, 0, 5, 0, 0] + address + [0x1f, 0x7c] + Array("name.onion\nmore".utf8)
    for size in 1...all.count {
      var question = SOCKS5Question(name: question.name, port: 8_060, user: question.user, textLimit: 64)
      var found: [UInt8]?
      for start in stride(from: 0, to: all.count, by: size) where found == nil {
        let piece = Array(all[start..<min(start + size, all.count)])
        if case .text(let text) = try piece.withUnsafeBytes({ try question.consume($0) }) { found = text }
      }
      #expect(found == Array("name.onion\n".utf8))
    }
  }

  @Test("no more of a text is read than was asked for, and an unknown kind of address is no reply")
  func textLimit() throws {
    let start: [UInt8] = [5, 2, 1, 0, 5, 0, 0]
    var question = SOCKS5Question(name: question.name, port: 8_060, user: question.user, textLimit: 64)
    let step = try (start + [1, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0x41, count: 1_000)).withUnsafeBytes {
      try question.consume($0)
    }
    #expect(step == .text([UInt8](repeating: 0x41, count: 64)))
    for type in UInt8.min...UInt8.max where ![1, 3, 4].contains(type) {
      var question = SOCKS5Question(name: self.question.name, port: 8_060, user: self.question.user, textLimit: 64)
      #expect(throws: DialFailure.notSOCKS(byte: type)) {
        _ = try (start + [type]).withUnsafeBytes { try question.consume($0) }
      }
    }
  }
}
