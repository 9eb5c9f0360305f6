import Testing

@testable import OverlayCore

@Suite("Onion name")
struct OnionNameTests {
  static let version3 = "657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd"
  static let vectors: [(String, String)] = [
    ("7fd22jhmqgfl45j6", "fd87:d87e:eb43:f947:ad24:ec81:8abe:753e"),
    ("wq52ql3uxgcxqjon", "fd87:d87e:eb43:b43b:a82f:74b9:8578:25cd"),
    (version3, "fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03"),
  ]

  @Test("known names map to their addresses, in every way to write them", arguments: vectors)
  func vector(label: String, address: String) throws {
    let name = try OnionName(label)
    #expect(name.address.description == address)
    #expect(name.description == label + ".onion")
    for text in [label + ".onion", label.uppercased(), label.uppercased() + ".ONION", label + ".Onion"] {
      #expect(try OnionName(text) == name)
    }
  }

  @Test("an address gives back the last 16 characters", arguments: vectors)
  func label(label: String, address: String) throws {
    let address = try #require(IPv6Address(address))
    #expect(OverlayNetwork.tor.label(of: address) == String(label.suffix(16)))
  }

  @Test("a name lies in 40 bytes, and its text is made of them", arguments: vectors)
  func inline(label: String, address: String) throws {
    #expect(MemoryLayout<OnionName>.size == 40)
    let name = try OnionName(label.uppercased())
    #expect(name.label == label)
    #expect(try Set([name, OnionName(label)]) == [name])
  }

  @Test("names that differ in one byte are two, and so are those of two versions with the same bytes")
  func equality() throws {
    let bytes = [UInt8](repeating: 0, count: 25) + (1...10).map { UInt8($0) }
    let name = OnionName(unverified: bytes)
    for place in bytes.indices {
      var other = bytes
      other[place] ^= 0x80
      #expect(OnionName(unverified: other) != name)
      #expect(OnionName(unverified: other).label == Base32.encode(other))
    }
    let version2 = OnionName(unverified: bytes.suffix(10))
    #expect(version2 != name)
    #expect(version2.address == name.address)
    #expect(version2.isVersion2 && !name.isVersion2)
  }

  @Test("the two versions are told apart")
  func versions() throws {
    #expect(try OnionName("7fd22jhmqgfl45j6").isVersion2)
    #expect(try !OnionName(OnionNameTests.version3).isVersion2)
    #expect(try OnionName(OnionNameTests.version3).description.utf8.count == OnionName.longest)
  }

  @Test("a name with any one character changed is refused", arguments: 0..<56)
  func oneCharacter(place: Int) {
    var characters = Array(OnionNameTests.version3)
    characters[place] = characters[place] == "a" ? "b" : "a"
    #expect(throws: OnionNameError.self) { try OnionName(String(characters)) }
  }

  @Test("a wrong checksum is told")
  func checksum() {
    #expect(throws: OnionNameError.checksum) { try OnionName("a" + OnionNameTests.version3.dropFirst()) }
  }

  @Test(
    "a last character that does not fit the rest is mistyped, and not that of another version",
    arguments: ["c", "e", "a", "7"])
  func lastCharacter(last: String) {
    #expect(throws: OnionNameError.checksum) { try OnionName(OnionNameTests.version3.dropLast() + last) }
  }

  @Test("another version is told where the checksum is that of it", arguments: [UInt8(0), 2, 4, 255])
  func version(version: UInt8) throws {
    let key = [UInt8](repeating: 7, count: 32)
    let checksum = SHA3.sha256(Array(".onion checksum".utf8) + key + [version])[..<2]
    let label = Base32.encode(key + checksum + [version])
    #expect(throws: OnionNameError.version(version)) { try OnionName(label) }
  }

  @Test(
    "a label of another length is told with its length",
    arguments: [
      ("", 0), (".onion", 0), ("abc", 3), ("7fd22jhmqgfl45j", 15), ("7fd22jhmqgfl45j6a", 17),
      (String(repeating: "a", count: 55), 55), (String(repeating: "a", count: 57), 57),
      (String(repeating: "a", count: 99_999), 99_999),
    ])
  func length(text: String, count: Int) {
    #expect(throws: OnionNameError.length(count)) { try OnionName(text) }
  }

  @Test(
    "a dot other than that of .onion is told",
    arguments: [
      "7fd22jhmqgfl45j6.onion.", "7fd22jhmqgfl45j6.onion.onion", "www.7fd22jhmqgfl45j6.onion", "example.com", ".",
      "7fd22jhmqgfl45j6.com", "..onion",
    ])
  func dots(text: String) {
    #expect(throws: OnionNameError.dots) { try OnionName(text) }
  }

  @Test(
    "a character outside base32 is told",
    arguments: [
      "7fd22jhmqgfl45j0", "7fd22jhmqgfl45j1", "7fd22jhmqgfl45j8", "7fd22jhmqgfl45j=", "7fd22jhmqgfl 5j6",
      "7fd22jhmqgfl\u{0}5j6", "7fd22jhmqgfl4\u{212a}",
    ])
  func alphabet(text: String) {
    #expect(throws: OnionNameError.alphabet) { try OnionName(text) }
  }

  @Test("each error says what is accepted or what happened")
  func descriptions() {
    #expect(
      OnionNameError.length(3).description == "an onion name has 56 characters before .onion (16 in version 2), not 3")
    #expect(OnionNameError.dots.description.contains("without subdomains"))
    #expect(OnionNameError.alphabet.description.contains("a to z and the digits 2 to 7"))
    #expect(OnionNameError.checksum.description.contains("checksum"))
    #expect(OnionNameError.version(4).description == "it is of version 4, only version 3 is known")
  }
}
