import OverlayCore

/// Other programs of the host that the daemon gets along with, or not.
extension Examination {
  /// Whether names are asked for through the overlay.
  func dns() -> Check.Finding {
    let network = OverlayNetwork.tor
    let servers = (paths.read("/etc/resolv.conf") ?? "").split(whereSeparator: \.isNewline).compactMap { line in
      let words = line.split { $0 == " " || $0 == "\t" }
      return words.count >= 2 && words[0] == "nameserver" ? IPv6Address(words[1]) : nil
    }
    guard let server = servers.first(where: { network.prefix.contains($0) }) else {
      return .ok("/etc/resolv.conf asks nobody in the overlay; /etc/hosts names peers")
    }
    return .note(
      "/etc/resolv.conf asks \(server), a peer: it learns every name that this host looks for",
      remedy: "name another server there, and peers in /etc/hosts")
  }

  /// Whether a program that sets up interfaces leaves the daemon's alone.
  func networkManagers() -> Check.Finding {
    let managers: [(name: String, isRunning: Bool, directories: [String], lines: String)] = [
      (
        "systemd-networkd", paths.has("/run/systemd/netif/state"),
        ["/etc/systemd/network", "/run/systemd/network", "/usr/lib/systemd/network", "/lib/systemd/network"],
        "/etc/systemd/network/10-oncilla.network with [Match] Name=oncilla* onc-* and [Link] Unmanaged=yes"
      ),
      (
        "NetworkManager", paths.has("/run/NetworkManager"),
        ["/etc/NetworkManager/conf.d", "/run/NetworkManager/conf.d", "/usr/lib/NetworkManager/conf.d"],
        "/etc/NetworkManager/conf.d/oncilla.conf with [keyfile] unmanaged-devices+=interface-name:oncilla*"
      ),
    ]
    let running = managers.filter(\.isRunning)
    let meddling = running.filter { manager in
      !manager.directories.contains { paths.names(in: $0).contains { Examination.isOurs($0) } }
    }
    if running.isEmpty { return .ok("none runs") }
    guard let first = meddling.first else {
      let names = running.map(\.name).joined(separator: " and ")
      return .ok("\(names) leave\(running.count == 1 ? "s" : "") the interface alone")
    }
    return .note("\(first.name) runs, and may touch the interface", remedy: "\(first.lines) tells it not to")
  }

  /// Whether the name of a file tells that it is about Oncilla.
  private static func isOurs(_ name: String) -> Bool {
    name.indices.contains { name[$0...].hasPrefix("oncilla") }
  }
}
