import OverlayCore

/// The readers of single values: each gives what it accepts, or a refusal that says what that is.
public enum SettingValue {
  /// Why a value is refused.
  public struct Refusal: Error {
    /// What is wrong with the value, or what is accepted. Other settings are named by their options, as in the manual.
    public let reason: String

    /// A refusal for this reason.
    public init(_ reason: String) { self.reason = reason }
  }

  /// The onion name of a peer that no petname named, though the text is of a petname's form if `isPetname` says so.
  static func peerName(
    _ text: String, isPetname: Bool, servicePort: UInt16
  ) throws(Refusal) -> OnionName {
    do throws(OnionNameError) {
      return try OnionName(pasted: text, servicePort: servicePort)
    } catch {
      if isPetname, case .length = error {
        throw Refusal(
          "'\(text)' is neither an onion name nor the petname of a --peer, nor of one that 'oncilla peer add' has saved"
        )
      }
      throw Refusal("'\(text)' is not accepted: \(error)")
    }
  }

  /// Refuses any text where none is expected.
  static func none(_ text: String) throws(Refusal) {
    guard text.isEmpty else { throw Refusal("no value is accepted") }
  }

  /// The one of `values` whose word `text` is.
  public static func word<Value>(
    _ text: String, among values: [Value], as word: (Value) -> String
  ) throws(Refusal) -> Value {
    guard let value = values.first(where: { word($0) == text }) else {
      throw Refusal("\(values.map(word).listed(with: "or")) is accepted")
    }
    return value
  }

  /// What `convert` makes of a whole number of `range` in decimal digits.
  public static func number<Value>(
    _ text: String, in range: ClosedRange<Int>, as convert: (Int) -> Value?
  ) throws(Refusal) -> Value {
    guard let number = Int(decimal: text), range.contains(number), let value = convert(number) else {
      throw Refusal("a number from \(range.lowerBound) to \(range.upperBound) is accepted")
    }
    return value
  }

  /// A number of seconds of `range` in decimal digits.
  public static func seconds(_ text: String, in range: ClosedRange<Int>) throws(Refusal) -> Int {
    try number(text, in: range, as: { $0 })
  }

  /// The path of a file or directory.
  public static func path(_ text: String) throws(Refusal) -> String {
    guard !text.isEmpty else { throw Refusal("a path is accepted, which cannot be empty") }
    return text
  }

  /// The path of a file, which does not end as a directory's does.
  static func filePath(_ text: String) throws(Refusal) -> String {
    guard let last = text.split(separator: "/", omittingEmptySubsequences: false).last, ![".", "..", ""].contains(last)
    else { throw Refusal("the path of a file is accepted") }
    return text
  }

  /// The zone of the DNS in which petnames stand.
  public static func zone(_ text: String) throws(Refusal) -> String {
    let labels = (text.hasSuffix(".") ? text.dropLast() : text[...]).split(
      separator: ".", omittingEmptySubsequences: false)
    let zone = labels.compactMap { Petname($0)?.description }.joined(separator: ".")
    guard labels.allSatisfy({ Petname($0) != nil }), LocalNameServer(zone: zone) != nil else {
      throw Refusal("a name of the DNS other than onion and what is below it is accepted, such as oncilla.internal")
    }
    return zone
  }

  /// The path of a socket, which the kernel bounds.
  public static func socketPath(_ text: String) throws(Refusal) -> String {
    guard (1...SocketAddress.longestPath).contains(text.utf8.count) else {
      throw Refusal("a path of 1 to \(SocketAddress.longestPath) bytes is accepted")
    }
    return text
  }

  /// The address of a socket, by number or by path.
  public static func socketAddress(_ text: String) throws(Refusal) -> SocketAddress {
    do {
      return try SocketAddress(text)
    } catch .form {
      throw Refusal("HOST:PORT or unix:PATH is accepted, such as 127.0.0.1:9050 or [::1]:9050")
    } catch {
      throw Refusal(error.description)
    }
  }

  /// The address of a socket by number.
  public static func internetAddress(_ text: String) throws(Refusal) -> SocketAddress {
    guard !text.hasPrefix("unix:") else { throw Refusal("HOST:PORT is accepted here, not a path") }
    do {
      return try SocketAddress(text)
    } catch .form {
      throw Refusal("HOST:PORT is accepted, such as 127.0.0.1:8060 or [::1]:8060")
    } catch {
      throw Refusal(error.description)
    }
  }

  /// The address of a socket, by number, that this host alone reaches.
  static func loopbackAddress(_ text: String) throws(Refusal) -> SocketAddress {
    let address = try internetAddress(text)
    guard address.isLoopback else {
      throw Refusal("a loopback address is accepted, such as 127.0.0.1:9469: others must not reach it")
    }
    return address
  }

  /// The address of a socket that this host alone reaches, for names; none of `earlier`.
  static func nameServerAddress(_ text: String, after earlier: [SocketAddress]) throws(Refusal) -> SocketAddress {
    let address: SocketAddress
    do {
      address = try SocketAddress(text)
    } catch .form {
      throw Refusal("HOST:PORT or unix:PATH is accepted, such as 127.0.0.1:5354 or unix:/run/oncilla/names.sock")
    } catch {
      throw Refusal(error.description)
    }
    guard address.isLoopback else {
      throw Refusal("a loopback address is accepted, such as 127.0.0.1:5354: others must not reach it")
    }
    guard !earlier.contains(address) else { throw Refusal("this address is already given") }
    guard earlier.count < DaemonSettings.mostNameServers else {
      throw Refusal("at most \(DaemonSettings.mostNameServers) addresses are accepted")
    }
    return address
  }

  /// The MAC address of one station.
  static func hostMACAddress(_ text: String) throws(Refusal) -> MACAddress {
    guard let address = MACAddress(text) else {
      throw Refusal("'\(text)' is not a MAC address; six groups of two hexadecimal digits with colons are accepted")
    }
    guard !address.isGroup, address.value != 0 else {
      throw Refusal("\(address) is no host's MAC address: it means \(address.isGroup ? "several" : "none")")
    }
    return address
  }

  /// The name of a network interface.
  static func interface(_ text: String) throws(Refusal) -> InterfaceName {
    guard let name = InterfaceName(text) else {
      throw Refusal("1 to 15 printable ASCII characters other than space, '/', ':' and '%' are accepted")
    }
    return name
  }

  /// The name of a user of this host.
  static func user(_ text: String) throws(Refusal) -> String {
    guard (1...32).contains(text.utf8.count),
      text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && !":/,".utf8.contains($0) })
    else { throw Refusal("the name of a user is accepted, as /etc/passwd has it") }
    return text
  }

  /// The name of a network namespace.
  public static func namespace(_ text: String) throws(Refusal) -> NamespaceName {
    guard let name = NamespaceName(text) else {
      throw Refusal("the name of a namespace as 'ip netns' lists it is accepted, without '/'")
    }
    return name
  }

  /// Where the log goes.
  static func target(_ text: String) throws(Refusal) -> LogTarget {
    switch text {
    case "stderr": .standardError
    case "syslog": .syslog
    // Without it a word that means a place elsewhere, such as journal, stdout or none, would become a file's name.
    case _ where text.contains("/"): .file(text)
    default: throw Refusal("stderr, syslog or a path with a '/' is accepted, such as ./FILE")
    }
  }

  /// A prefix, the `count`th of a setting that has a bound to them.
  public static func prefix(_ text: String, count: Int) throws(Refusal) -> IPPrefix {
    guard let masked = IPPrefix(masking: text) else {
      throw Refusal("'\(text)' is not a prefix; ADDRESS/LENGTH is accepted, such as fd00:1::/64 or 10.20.0.0/16")
    }
    guard let prefix = IPPrefix(text) else {
      throw Refusal("'\(text)' names a host in a prefix; the prefix is \(masked)")
    }
    guard count <= DaemonSettings.mostPrefixes else {
      throw Refusal("at most \(DaemonSettings.mostPrefixes) prefixes are accepted")
    }
    return prefix
  }

  /// An address with the length of its prefix, `A/LEN`, that a host of IPv4 can have.
  static func ipv4Address(_ text: String) throws(Refusal) -> IPv4InterfaceAddress {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPv4Address(parts[0]), let length = Int(decimal: parts[1]),
      let found = IPv4InterfaceAddress(address, length: length)
    else { throw Refusal("A/LEN is accepted: an IPv4 address and 1 to 32, such as 10.20.0.1/16") }
    // RFC 1122 section 3.2.1.3; a prefix of 31 bits has neither (RFC 3021).
    let last = found.prefix.address.value | ~(~UInt32(0) << UInt32(32 - length))
    guard length > 30 || address.value != found.prefix.address.value && address.value != last else {
      throw Refusal("\(address) is the first or the last address of \(IPPrefix.ipv4(found.prefix)), which is no host's")
    }
    return found
  }
}
