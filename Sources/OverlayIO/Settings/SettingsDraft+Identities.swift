import OverlayCore

extension SettingsDraft {
  /// Who this host is, and where each of them listens. Throws if nothing tells, or if it would show unasked that they
  /// belong together.
  func identities() throws(SettingError) -> [DaemonSettings.Identity] {
    let common = listen.map(\.address)
    if daemon.publisher == .tor { return try identitiesOfTor(listen: common) }
    for name in ["ephemeral", "identity"] {
      if let origin = origins[name] { throw .incomplete(origin, needs: "--publish tor") }
    }
    switch (onions.first, hostnameFile) {
    case (_?, nil): break
    case (nil, let file?): return [DaemonSettings.Identity(.hostnameFile(file.path), listen: common)]
    case (let onion?, let file?): throw .conflict(onion.given.origin, file.origin)
    case (nil, nil): throw .nameless
    }
    let listenIsGiven = origins["listen"] != nil
    if onions.count > 1, !daemon.linkableIdentities { try requireListeners(listenIsGiven: listenIsGiven) }
    return onions.map { onion in
      var identity = DaemonSettings.Identity(
        .onion(onion.name), listen: common, macAddress: onion.macAddress, lookupListen: onion.lookupListen)
      guard let own = onion.listen else { return identity }
      let others = listenIsGiven ? common : []
      identity.listen = others.contains(own) ? others : [own] + others
      return identity
    }
  }

  /// The identities that Tor names, the host itself first.
  private func identitiesOfTor(listen: [SocketAddress]) throws(SettingError) -> [DaemonSettings.Identity] {
    let origin = origins["publish"] ?? .table("publish")
    if let onion = onions.first { throw .conflict(onion.given.origin, origin) }
    if let hostnameFile { throw .conflict(hostnameFile.origin, origin) }
    guard daemon.torControl != nil else { throw .incomplete(origin, needs: "--tor-control") }
    // A friend's key would open all of them, and so show that they belong together.
    if let identity = identitiesOfTor.first, let isPrivate = origins["private"] {
      throw .conflict(identity.given.origin, isPrivate)
    }
    for identity in identitiesOfTor where listen.contains(identity.listen) {
      throw .refused(
        identity.given, reason: "\(identity.listen) is where this host itself listens; each identity needs its own")
    }
    return [DaemonSettings.Identity(.madeByTor(nil), listen: listen)]
      + identitiesOfTor.map { identity in
        DaemonSettings.Identity(
          .madeByTor(identity.label), listen: [identity.listen], macAddress: identity.macAddress,
          lookupListen: identity.lookupListen)
      }
  }

  /// Two identities that answer at one listener are known to belong together by whoever asks there for both.
  private func requireListeners(listenIsGiven: Bool) throws(SettingError) {
    if listenIsGiven, let (origin, address) = listen.first {
      throw .refused(
        GivenValue(address.description, from: origin),
        reason: "several identities would share it; ',listen=HOST:PORT' after each --onion NAME is accepted, or "
          + "--linkable-identities")
    }
    var taken: Set<SocketAddress> = []
    for onion in onions {
      guard let own = onion.listen else {
        throw .refused(
          onion.given,
          reason: "of several identities each needs a listener of its own, NAME,listen=HOST:PORT, or "
            + "--linkable-identities")
      }
      guard taken.insert(own).inserted else {
        throw .refused(
          onion.given,
          reason: "\(own) is the listener of another identity; each needs its own, or --linkable-identities")
      }
    }
  }
}
