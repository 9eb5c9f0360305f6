extension DNSName {
  /// The zone of all addresses, `ip6.arpa` (RFC 3596 section 2.5).
  static let addresses = DNSName(labels: ["ip6".utf8, "arpa".utf8]) ?? .root

  private static let digits = Array("0123456789abcdef".utf8)

  /// The name under which the name of an address is asked for: its digits, the last one first, below `ip6.arpa`.
  init(of address: IPv6Address) {
    self.init(digits: 32, of: address)
  }

  /// The name under which all addresses of a prefix are; it ends at a digit.
  init(of prefix: IPv6Prefix) {
    self.init(digits: Int(prefix.length) / 4, of: prefix.address)
  }

  private init(digits count: Int, of address: IPv6Address) {
    let labels = address.bytes.flatMap { [DNSName.digits[Int($0 >> 4)], DNSName.digits[Int($0 & 15)]] }
    self =
      DNSName(labels: labels.prefix(count).reversed().map { [$0] } + DNSName.addresses.labels.map(Array.init)) ?? .root
  }

  /// The address whose name is asked for under this name; `nil` if it is another name.
  var address: IPv6Address? {
    guard let values = digitValues, values.count == 32 else { return nil }
    return IPv6Address(bytes: stride(from: 0, to: 32, by: 2).map { values[31 - $0] << 4 | values[30 - $0] })
  }

  /// The values of the digits before `ip6.arpa`, in the order in which they stand there; `nil` if the name is not below
  /// that, or something else stands before it.
  private var digitValues: [UInt8]? {
    guard let end = offset(of: .addresses), end <= 64 else { return nil }
    var values: [UInt8] = []
    for label in labels where label.startIndex < end {
      guard label.count == 1, let digit = label.first, let value = digit.hexadecimalValue else { return nil }
      values.append(value)
    }
    return values
  }

  /// Whether names of addresses can stand below this one, or it is such a name: nothing but digits is before
  /// `ip6.arpa`.
  var isOfAddresses: Bool { digitValues != nil }
}
