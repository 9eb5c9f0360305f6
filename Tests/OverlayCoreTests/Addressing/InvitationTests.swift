import Testing

@testable import OverlayCore

@Suite("Invitations")
struct InvitationTests {
  private let name: OnionName
  private let key = (0..<32).map { UInt8($0 * 7 & 0xff) }

  init() throws { name = try .sample(1) }

  @Test("every form comes back as it was, in at most 160 characters")
  func roundTrip() throws {
    let longest = String(repeating: "a", count: 40)
    for key in [nil, key] {
      for petname in [nil, Petname("bob"), Petname(longest)] {
        for isAnswer in [false, true] {
          let invitation = try #require(Invitation(name: name, key: key, petname: petname, isAnswer: isAnswer))
          #expect(invitation.line.utf8.count <= Invitation.longest)
          #expect(try Invitation(invitation.line) == invitation)
        }
      }
    }
    #expect(try #require(Invitation(name: name, key: key, petname: Petname(longest))).line.utf8.count == 159)
  }

  @Test("it is read as it is pasted: with blanks, in another case, with the command before it")
  func pasted() throws {
    let line = try #require(Invitation(name: name, key: key, petname: Petname("bob"))).line
    for text in ["  \(line)\n", "oncilla join \(line)", "sudo oncilla join \(line) ", "\u{feff}\(line)"] {
      #expect(try Invitation(text).name == name)
    }
    let upper = "oncilla1:" + line.dropFirst("oncilla1:".count).uppercased()
    #expect(try Invitation(upper).key == key)
  }

  @Test("what is no invitation is told with what one is")
  func refused() throws {
    let line = try #require(Invitation(name: name, key: key)).line
    let label = name.label
    let cases: [(String, InvitationError)] = [
      ("", .mark), (label, .mark), ("hello oncilla1:\(label)", .mark), ("oncilla2:\(label)", .mark),
      ("oncilla1:", .name(.length(0))), ("oncilla1:abc", .name(.length(3))), ("\(line)a", .key),
      (String(line.dropLast()), .key), ("oncilla1:\(label):", .key), ("\(line):x", .form), ("\(line)@", .petname),
      ("oncilla1:\(label)@-", .petname), ("oncilla1:\(label)@\(String(repeating: "a", count: 41))", .petname),
      ("oncilla1:\(label)" + String(repeating: " ", count: 200) + "x", .length),
      ("oncilla1:7fd22jhmqgfl45j6", .name(.length(16))),
    ]
    for (text, error) in cases {
      #expect(throws: error, "\(text)") { try Invitation(text) }
    }
  }

  @Test("one character of the name that is another is told")
  func damaged() throws {
    let line = try #require(Invitation(name: name)).line
    for place in 9..<line.utf8.count {
      var bytes = Array(line.utf8)
      bytes[place] = bytes[place] == UInt8(ascii: "b") ? UInt8(ascii: "c") : UInt8(ascii: "b")
      #expect(throws: InvitationError.self) { try Invitation(String(decoding: bytes, as: UTF8.self)) }
    }
  }

  @Test("the public key of a secret one (RFC 7748 section 6.1)")
  func publicKey() throws {
    let secret = try hexadecimal("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    #expect(
      X25519.publicKey(of: secret)
        == (try hexadecimal("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")))
    #expect(X25519.publicKey(of: [1]) == nil)
  }
}
