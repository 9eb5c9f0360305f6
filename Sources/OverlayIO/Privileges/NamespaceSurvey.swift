import OverlayCore

/// What a network namespace is like before the daemon changes it, as far as that can keep the daemon from doing its
/// work. What cannot be read is taken as it should be.
struct NamespaceSurvey: Equatable {
  /// An IPv6 address of one of its interfaces.
  struct Address: Equatable {
    /// The address.
    let address: IPv6Address
    /// The length of the prefix that is reached through the interface.
    let prefixLength: Int
    /// The interface's name.
    let interface: String
  }

  /// Whether the kernel forwards IPv6 packets.
  var forwardsIPv6 = true
  /// Whether the kernel forwards IPv4 packets.
  var forwardsIPv4 = true
  /// The IPv6 addresses of all interfaces.
  var addresses: [Address] = []

  /// A namespace in which all is as it should be.
  init() {}

  /// What is found in `namespace`; `nil` is the one that the program was started in.
  init(of namespace: NamespaceName?) throws(PrivilegeError) {
    self = try NetworkNamespace.run(in: namespace) { () throws(PrivilegeError) in
      var survey = NamespaceSurvey()
      survey.forwardsIPv6 = NamespaceSurvey.isOn("/proc/sys/net/ipv6/conf/all/forwarding")
      survey.forwardsIPv4 = NamespaceSurvey.isOn("/proc/sys/net/ipv4/ip_forward")
      survey.addresses = NamespaceSurvey.addresses(in: (try? readFile("/proc/thread-self/net/if_inet6")) ?? [])
      return survey
    }
  }

  /// The addresses in the kernel's table: address, index, prefix length, scope and flags in hexadecimal, and the name.
  static func addresses(in table: [UInt8]) -> [Address] {
    table.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let fields = line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
      guard fields.count == 6, fields[0].utf8.count == 32, let high = UInt64(fields[0].prefix(16), radix: 16),
        let low = UInt64(fields[0].suffix(16), radix: 16), let length = Int(fields[2], radix: 16)
      else { return nil }
      return Address(address: IPv6Address(high: high, low: low), prefixLength: length, interface: fields[5])
    }
  }

  private static func isOn(_ path: String) -> Bool {
    guard let text = try? readFile(path, limit: 64) else { return true }
    return text.first != UInt8(ascii: "0")
  }
}
