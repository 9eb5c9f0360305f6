import OverlayCore

/// Who is there already.
extension Examination {
  /// Whether another program has what this daemon needs for itself: its name and where it listens.
  func secondDaemon() -> Check.Finding {
    guard let settings else { return .skipped(noConfiguration) }
    guard !settings.identities.isEmpty else { return .skipped("nothing tells who this host is") }
    let claims = names.compactMap { SocketTable.unixSocket("@" + IdentityClaim.text(of: $0), in: paths) }
    let listening =
      (SocketTable.entries("tcp", .listening, in: paths) ?? [])
      + (SocketTable.entries("tcp6", .listening, in: paths) ?? [])
    var taken: [UInt64: SocketAddress] = [:]
    for address in Set(settings.identities.flatMap(\.listen)) {
      for socket in listening where socket.takes(address) { taken[socket.inode] = address }
    }
    if claims.isEmpty, taken.isEmpty { return .ok("no other program has this host's name or listener") }
    let holders = SocketTable.holders(of: Set(claims).union(taken.keys), in: paths)
    let daemons = Set(claims.compactMap { holders[$0] })
    for (inode, address) in taken.sorted(by: { "\($0.value)" < "\($1.value)" }) {
      guard let holder = holders[inode] else {
        return .skipped("only root can tell which program listens at \(address)")
      }
      if holder.program != Examination.program {
        return .wrong(
          "\(holder) listens at \(address)",
          remedy: "end it, or give another address to --listen and to HiddenServicePort in torrc")
      }
      if let other = daemons.first(where: { $0 != holder }) {
        return .wrong(
          "\(other) has this host's name, and \(holder) listens at \(address): Tor gives each circuit to one of both",
          remedy: "end one")
      }
      if claims.isEmpty {
        return .wrong(
          "\(holder) listens at \(address) for another name",
          remedy: "end it, or give another address to --listen and to HiddenServicePort in torrc")
      }
    }
    guard let daemon = daemons.first else { return .skipped("only root can tell which program has this host's name") }
    if taken.isEmpty {
      let places = settings.identities.flatMap(\.listen).map { "\($0)" }.joined(separator: ", ")
      return .wrong(
        "\(daemon) has this host's name and does not listen at \(places)",
        remedy: "end it, or give this daemon another name")
    }
    return .ok("\(daemon) has this host's name, and no other program")
  }

  /// What the kernel calls the daemon's program.
  private static let program = "oncilla"
}

extension SocketTable.Entry {
  /// Whether nobody else can listen at `address`.
  fileprivate func takes(_ address: SocketAddress) -> Bool {
    switch address {
    case .ipv4(let wanted, let port):
      guard port == self.port else { return false }
      let own = self.address.mappedAddress
      return own.map { $0 == wanted || $0.value == 0 || wanted.value == 0 } ?? (self.address == .unspecified)
    case .ipv6(let wanted, let port):
      return port == self.port
        && (self.address == wanted || self.address == .unspecified || wanted == .unspecified)
    case .unix: return false
    }
  }
}
