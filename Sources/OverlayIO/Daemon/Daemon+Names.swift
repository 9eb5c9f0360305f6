import OverlayCore

/// The names of the overlay, for this host's programs.
extension Daemon {
  /// Answers where the settings say.
  func answerNames() throws {
    guard !settings.dns.isEmpty, let server = settings.nameServer else { return }
    nameServer = try NameServer(
      server, at: settings.dns, in: settings.interface.namespace, on: loop, log: log,
      names: { [unowned self] in knownNames },
      wanted: { [unowned self] name in _ = pump?.withEach { node, turn in node.learn(name, turn: &turn) } })
  }

  /// What is known of names now. This host's programs are no peers: they are told all of its own.
  private var knownNames: KnownNames {
    var known = pump?.withFirst { node, _ in node.knownNames } ?? KnownNames(of: settings.peers)
    if let pump { known.own = pump.names }
    return known
  }
}
