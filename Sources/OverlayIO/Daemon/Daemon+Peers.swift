import OverlayCore

/// Peers that the operator adds and removes while the daemon runs.
extension Daemon {
  /// Adds a permanent peer, written as for --peer. `isKept` says that a file has it, too. It returns the peer.
  func addPeer(_ text: String, isKept: Bool) throws(ControlError) -> ConfiguredPeer {
    let setting: PeerSetting
    do throws(SettingValue.Refusal) {
      setting = try PeerSetting.read(text, after: settings.peers)
    } catch {
      let isNew = (try? PeerSetting.read(text, after: [])) == nil
      throw ControlError(isNew ? .badArgument : .conflict, "'\(text.quotedLine())': \(error.reason)")
    }
    if let port = setting.port, port != settings.servicePort {
      throw ControlError(.badArgument, OnionNameError.port(port, accepted: settings.servicePort).description)
    }
    let before = settings
    settings.peers.append(setting.peer)
    if pump?.apply(settings).contains(.peerRefused(setting.peer)) == true {
      settings = before
      _ = pump?.apply(before)
      throw ControlError(.conflict, "this is the name of this host, or its address is another peer's")
    }
    hooks?.apply(settings, up: pump?.configuredPeersUp ?? [])
    if pump != nil { keepHosts() }
    if !isKept { runtimePeers.add(setting.peer) }
    return setting.peer
  }

  /// Removes a permanent peer. It returns false if there is none.
  func removePeer(_ address: IPv6Address) -> ConfiguredPeer? {
    guard let peer = settings.peers.first(where: { $0.name.address == address }) else { return nil }
    runtimePeers.remove(peer.name)
    settings.peers.removeAll { $0 == peer }
    _ = pump?.apply(settings)
    hooks?.apply(settings, up: pump?.configuredPeersUp ?? [])
    if pump != nil { keepHosts() }
    return peer
  }
}
