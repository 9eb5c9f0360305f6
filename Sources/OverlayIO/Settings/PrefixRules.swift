import OverlayCore

/// Which prefixes can be routed to a peer, or served.
public struct PrefixRules {
  /// Whether the interface lies where Tor's own traffic does not pass.
  let isInNamespace: Bool
  /// Whether IPv4 is carried.
  let carriesIPv4: Bool
  /// Where this host and Tor connect to each other.
  let connections: [SocketAddress]

  /// Rules for these circumstances.
  public init(isInNamespace: Bool, carriesIPv4: Bool, connections: [SocketAddress]) {
    self.isInNamespace = isInNamespace
    self.carriesIPv4 = carriesIPv4
    self.connections = connections
  }

  /// What no route of ours can lead to.
  private static let reserved: [(prefix: IPPrefix, meaning: String)] =
    [(.ipv6(OverlayNetwork.tor.prefix), "the overlay, which needs no route")] + IPPrefix.hostless

  /// What networks number themselves from: unique local (RFC 4193), private (RFC 1918), shared (RFC 6598), and
  /// benchmarks (RFC 2544).
  private static let inner = [
    "fc00::/7", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15",
  ]

  /// Refuses a prefix that cannot be routed, or served, here.
  public func check(_ prefix: IPPrefix, isRoute: Bool) throws(SettingValue.Refusal) {
    if case .ipv4 = prefix, !carriesIPv4 { throw SettingValue.Refusal("an IPv4 prefix needs --ipv4") }
    for (reserved, meaning) in PrefixRules.reserved where reserved.contains(prefix) {
      throw SettingValue.Refusal("it lies in \(reserved): \(meaning)")
    }
    guard !isInNamespace else { return }
    if isRoute { try checkThatTorPasses(prefix) }
    for (reserved, meaning) in PrefixRules.reserved where prefix.contains(reserved) {
      throw SettingValue.Refusal("it covers \(reserved): \(meaning); with --netns it is accepted")
    }
  }

  /// What Tor sends must not come back to it through the interface.
  private func checkThatTorPasses(_ prefix: IPPrefix) throws(SettingValue.Refusal) {
    for connection in connections {
      let isCovered =
        switch connection {
        case .ipv4(let address, _): prefix.contains(address)
        case .ipv6(let address, _): prefix.contains(address)
        case .unix: false
        }
      if isCovered {
        throw SettingValue.Refusal("it covers \(connection), which leads to Tor; with --netns it is accepted")
      }
    }
    let shortest = if case .ipv4 = prefix { 24 } else { 48 }
    if prefix.length >= shortest { return }
    if PrefixRules.inner.contains(where: { IPPrefix($0)?.contains(prefix) == true }) { return }
    throw SettingValue.Refusal(
      "it is wide enough to cover Tor's own traffic: public prefixes of /\(shortest) or longer are accepted, any with "
        + "--netns")
  }
}
