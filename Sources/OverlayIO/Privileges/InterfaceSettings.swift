import OverlayCore

/// Which interface the overlay gets, and where. A value of it was checked.
public struct InterfaceSettings: Sendable {
  /// The interface's name.
  public let name: String
  /// The network namespace it lives in; `nil` for the one the program was started in.
  public let namespace: NamespaceName?
  /// The largest packet in bytes that the kernel sends through it.
  public let mtu: Int
  /// The overlay's prefix, which is routed to the interface.
  public let prefix: IPv6Prefix
  /// Whether the kernel may leave segmentation and checksums to the program, and the other way round.
  public let offload: Bool

  /// The lengths that packets can be limited to: IPv6's minimum (RFC 8200 section 5) to the driver's largest.
  public static let mtuRange = 1280...65535

  /// Settings of these values. `namespace` is a name under `/run/netns` or, with a slash in it, a path.
  public init(
    name: String, namespace: String? = nil, mtu: Int = 1500, prefix: IPv6Prefix, offload: Bool = true
  ) throws(PrivilegeError) {
    guard InterfaceSettings.isInterfaceName(name) else { throw .invalidInterfaceName(name) }
    guard InterfaceSettings.mtuRange.contains(mtu) else { throw .invalidMTU(mtu) }
    self.name = name
    if let namespace {
      guard let name = NamespaceName(namespace) else { throw .invalidNamespaceName(namespace) }
      self.namespace = name
    } else {
      self.namespace = nil
    }
    self.mtu = mtu
    self.prefix = prefix
    self.offload = offload
  }

  /// What the kernel's `dev_valid_name` takes, less `%`, which TUNSETIFF reads as a pattern, and control characters,
  /// which would spoil a log.
  private static func isInterfaceName(_ name: String) -> Bool {
    (1...15).contains(name.utf8.count) && name != "." && name != ".."
      && name.utf8.allSatisfy { (0x21...0x7e).contains($0) && !"/:%".utf8.contains($0) }
  }
}

/// The name of a network namespace: one that `ip netns` keeps under `/run/netns`, or a path.
public struct NamespaceName: Sendable, Equatable {
  /// The file that stands for the namespace.
  public let path: String

  init?(_ text: String) {
    guard !text.isEmpty, text != ".", text != "..", !text.utf8.contains(0) else { return nil }
    path = text.utf8.contains(UInt8(ascii: "/")) ? text : "/run/netns/" + text
  }
}
