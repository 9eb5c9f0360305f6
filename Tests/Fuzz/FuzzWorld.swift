/// Who there is.
enum FuzzWorld {
  static let own = OnionName.sample(1)
  static let sibling = OnionName.sample(2)
  /// The identities of this host, of which an input has the first few.
  static let identities = [own, sibling, OnionName.sample(3)]
  static let scrubber: Scrubber = {
    var random = FuzzGenerator(seed: 1)
    return Scrubber(random: &random)
  }()
  /// Two that are configured, two of the hosts file, some that nobody knows.
  static let names = (10..<20).map { OnionName.sample($0) }
  static let twins = names.prefix(4).map(\.twin)
  static let served6 = IPv6Address(high: 0x2001_0db8_0001_0000, low: 0x42)
  static let routed6 = IPv6Address(high: 0x2001_0db8_0002_0000, low: 0x43)
  static let served4 = IPv4Address(value: 0x0a01_0001)
  static let routed4 = IPv4Address(value: 0x0a02_0001)

  static func name(_ number: UInt8) -> OnionName {
    switch number & 15 {
    case 10: own
    case 11: sibling
    case 12...: twins[Int(number & 3)]
    default: names[Int(number & 15)]
    }
  }

  static func address(_ number: UInt8) -> IPv6Address {
    switch number & 15 {
    case 12: OverlayNetwork.tor.localResponder
    case 13: OverlayNetwork.tor.circuitResponder
    case 14: served6
    case 15: IPv6Address(high: OverlayNetwork.tor.prefix.address.high, low: 0x1234)
    default: name(number).address
    }
  }
}

extension OnionName {
  /// A valid name of version 3, another for each number.
  static func sample(_ number: UInt64) -> OnionName {
    var random = FuzzGenerator(seed: number)
    let key = (0..<32).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let checksum = SHA3.sha256(Array(".onion checksum".utf8) + key + [3]).prefix(2)
    guard let name = try? OnionName(Base32.encode(key + checksum + [3])) else { fatalError("no name \(number)") }
    return name
  }

  /// The name of version 2 of the same address.
  var twin: OnionName { (try? OnionName(String(label.suffix(16)))) ?? self }
}
