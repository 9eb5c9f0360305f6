import OverlayCore

/// Which interface the overlay gets, and where.
public struct InterfaceSettings: Sendable {
  /// The interface's name.
  public let name: InterfaceName
  /// The network namespace it lives in; `nil` for the one the program was started in.
  public let namespace: NamespaceName?
  /// The largest packet that the kernel sends through it.
  public let mtu: InterfaceMTU
  /// The overlay's prefix, which is routed to the interface.
  public let prefix: IPv6Prefix
  /// Whether the kernel may leave segmentation and checksums to the program, and the other way round.
  public let offload: Bool

  /// Settings of these values.
  public init(
    name: InterfaceName = .standard, namespace: NamespaceName? = nil, mtu: InterfaceMTU = .standard,
    prefix: IPv6Prefix, offload: Bool = true
  ) {
    self.name = name
    self.namespace = namespace
    self.mtu = mtu
    self.prefix = prefix
    self.offload = offload
  }
}

/// The name of a network interface: what the kernel's `dev_valid_name` takes, less `%`, which TUNSETIFF reads as a
/// pattern, and control characters, which would spoil a log.
public struct InterfaceName: Hashable, Sendable, CustomStringConvertible {
  /// The name as the kernel has it, 1 to 15 printable ASCII characters.
  public let description: String

  /// `oncilla0`.
  public static let standard = InterfaceName(unchecked: "oncilla0")

  /// `nil` for what is no such name.
  public init?(_ text: String) {
    guard (1...15).contains(text.utf8.count), text != ".", text != "..",
      text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && !"/:%".utf8.contains($0) })
    else { return nil }
    self.init(unchecked: text)
  }

  private init(unchecked text: String) { description = text }
}

/// The name of a network namespace that ip-netns(8) keeps.
public struct NamespaceName: Hashable, Sendable {
  /// The file that stands for the namespace, in `/run/netns`.
  public let path: String

  /// `nil` for what is no file's name.
  public init?(_ text: String) {
    guard (1...255).contains(text.utf8.count), text != ".", text != "..",
      text.utf8.allSatisfy({ $0 != 0 && $0 != UInt8(ascii: "/") })
    else { return nil }
    path = "/run/netns/" + text
  }
}

/// How long packets may be: from IPv6's minimum (RFC 8200 section 5) to the driver's largest.
public struct InterfaceMTU: Hashable, Sendable {
  /// The length in bytes.
  public let bytes: Int

  /// The lengths that are accepted.
  public static let range = 1280...65535
  /// 1500, as on Ethernet.
  public static let standard = InterfaceMTU(unchecked: 1500)

  /// `nil` outside `range`.
  public init?(bytes: Int) {
    guard InterfaceMTU.range.contains(bytes) else { return nil }
    self.init(unchecked: bytes)
  }

  private init(unchecked bytes: Int) { self.bytes = bytes }
}
