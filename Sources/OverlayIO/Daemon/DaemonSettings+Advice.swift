import OverlayCore

extension DaemonSettings {
  /// Returns the settings that cannot work in the namespace of the interface as it was found, one line each for the
  /// operator.
  func advice(for survey: NamespaceSurvey) -> [String] {
    var lines = missingForwarding(for: survey).map { "\($0.text): 'sysctl -w \($0.key)=1' switches it on" }
    let rival = survey.addresses.first {
      $0.interface != interface.name.description && interface.prefix.contains($0.address)
        && $0.prefixLength <= interface.prefix.length
    }
    if hasAddress, let rival {
      lines.append(
        "interface \(rival.interface) leads to \(interface.prefix) as well, and packets for peers may leave there: if "
          + "it is another oncilla's, end one of both or give one a network namespace with --netns")
    }
    return lines
  }

  /// Returns whether a prefix holds more than this host itself.
  private func needsForwarding(_ prefix: IPPrefix, _ survey: NamespaceSurvey, isIPv4: Bool) -> Bool {
    switch prefix {
    case .ipv4(let prefix): isIPv4 && !(prefix.length == 32 && prefix.address == ipv4Address?.address)
    case .ipv6(let prefix):
      !isIPv4 && !(prefix.length == 128 && survey.addresses.contains { $0.address == prefix.address })
    }
  }

  /// Returns what of the served prefixes is not reached because the kernel does not forward, and the key of sysctl that
  /// lets it.
  func missingForwarding(for survey: NamespaceSurvey) -> [(text: String, key: String)] {
    // On a bridge the hosts that are served are neighbours: no kernel forwards to them.
    guard mode == .tun else { return [] }
    var missing: [(text: String, key: String)] = []
    if !survey.forwardsIPv6, let prefix = served.first(where: { needsForwarding($0, survey, isIPv4: false) }) {
      missing.append((withoutForwarding(prefix, "IPv6"), "net.ipv6.conf.all.forwarding"))
    }
    if !survey.forwardsIPv4, let prefix = served.first(where: { needsForwarding($0, survey, isIPv4: true) }) {
      missing.append((withoutForwarding(prefix, "IPv4"), "net.ipv4.ip_forward"))
    }
    return missing
  }

  private func withoutForwarding(_ prefix: IPPrefix, _ version: String) -> String {
    let place = interface.namespace == nil ? "" : " in the namespace of --netns"
    return "the kernel forwards no \(version)\(place), so that nobody in \(prefix) is reached but this host itself"
  }
}
