import OverlayCore
import OverlayIO

/// The readers of single values: each gives what it accepts, or a refusal that says what that is.
enum Value {
  typealias Refusal = Option<RunDraft>.Refusal

  static func number(_ text: String, in range: ClosedRange<Int>) throws(Refusal) -> Int {
    guard let number = Int(decimal: text), range.contains(number) else { throw .number(in: range) }
    return number
  }

  static func path(_ text: String) throws(Refusal) -> String {
    guard !text.isEmpty else { throw Refusal("a path is accepted, which cannot be empty") }
    return text
  }

  static func socketPath(_ text: String) throws(Refusal) -> String {
    guard (1...SocketAddress.longestPath).contains(text.utf8.count) else {
      throw Refusal("a path of 1 to \(SocketAddress.longestPath) bytes is accepted")
    }
    return text
  }

  static func socketAddress(_ text: String) throws(Refusal) -> SocketAddress {
    do {
      return try SocketAddress(text)
    } catch .form {
      throw Refusal("HOST:PORT or unix:PATH is accepted, such as 127.0.0.1:9050 or [::1]:9050")
    } catch {
      throw Refusal(error.description)
    }
  }

  static func internetAddress(_ text: String) throws(Refusal) -> SocketAddress {
    guard !text.hasPrefix("unix:") else { throw Refusal("HOST:PORT is accepted here, not a path") }
    do {
      return try SocketAddress(text)
    } catch .form {
      throw Refusal("HOST:PORT is accepted, such as 127.0.0.1:8060 or [::1]:8060")
    } catch {
      throw Refusal(error.description)
    }
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

  static func interface(_ text: String) throws(Refusal) -> InterfaceName {
    guard let name = InterfaceName(text) else {
      throw Refusal("1 to 15 printable ASCII characters other than space, '/', ':' and '%' are accepted")
    }
    return name
  }

  static func namespace(_ text: String) throws(Refusal) -> NamespaceName {
    guard let name = NamespaceName(text) else {
      throw Refusal("the name of a namespace as 'ip netns' lists it is accepted, without '/'")
    }
    return name
  }

  static func mtu(_ text: String) throws(Refusal) -> InterfaceMTU {
    guard let mtu = Int(decimal: text).flatMap(InterfaceMTU.init(bytes:)) else { throw .number(in: InterfaceMTU.range) }
    return mtu
  }

  static func mode(_ text: String) throws(Refusal) -> InterfaceMode {
    guard let mode = InterfaceMode(rawValue: text) else { throw Refusal("tun or tap is accepted") }
    return mode
  }

  static func level(_ text: String) throws(Refusal) -> LogLevel {
    guard let level = LogLevel.allCases.first(where: { $0.name == text }) else {
      let names = LogLevel.allCases.map(\.name)
      throw Refusal("\(names.dropLast().joined(separator: ", ")) or \(names[names.count - 1]) is accepted")
    }
    return level
  }

  static func target(_ text: String) throws(Refusal) -> LogTarget {
    switch text {
    case "stderr": .standardError
    case "syslog": .syslog
    // Without it a word that means a place elsewhere, such as journal, stdout or none, would become a file of that name.
    case _ where text.contains("/"): .file(text)
    default: throw Refusal("stderr, syslog or a path with a '/' is accepted, such as ./FILE")
    }
  }
}

extension Value.Refusal {
  fileprivate static func number(in range: ClosedRange<Int>) -> Value.Refusal {
    Value.Refusal("a number from \(range.lowerBound) to \(range.upperBound) is accepted")
  }
}
