import OverlayCore

/// What the process that speaks with Tor's control port tells the daemon. No key is in it.
enum TorReport: Equatable {
  /// The names of this host's identities, whose onion services Tor makes.
  case found([OnionName])
  /// It cannot go on, for want of a right or for something else.
  case failed(String, isDenied: Bool)
  /// A line for the log.
  case line(LogLevel, String)
  /// Of what is known of Tor: the connection, and what it says of itself.
  case link(TorState.Link, version: String?, socksListeners: [String])
  /// How far Tor is, and what it complained about last.
  case progress(TorBootstrap, problem: String?)
  /// Whether the onion service of a name can be found; `nil` if that is not known.
  case publication(OnionName, TorPublication?)
  /// Whether Tor has the key for the service of a private peer.
  case keyed(OnionName, Bool)
  /// All that changed has been told.
  case changed

  /// What is to be told where the state has changed.
  static func changes(from old: TorState, to new: TorState) -> [TorReport] {
    var reports: [TorReport] = []
    if old.link != new.link || old.version != new.version || old.socksListeners != new.socksListeners {
      reports.append(.link(new.link, version: new.version, socksListeners: new.socksListeners))
    }
    if old.bootstrap != new.bootstrap || old.problem != new.problem {
      reports.append(.progress(new.bootstrap, problem: new.problem))
    }
    for name in Set(old.publications.keys).union(new.publications.keys)
    where old.publications[name] != new.publications[name] {
      reports.append(.publication(name, new.publications[name]))
    }
    for name in old.keyed.symmetricDifference(new.keyed) { reports.append(.keyed(name, new.keyed.contains(name))) }
    return reports.isEmpty ? [] : reports + [.changed]
  }
}

extension TorState {
  /// Takes what was told of a change.
  mutating func take(_ report: TorReport) {
    switch report {
    case .link(let link, let version, let socksListeners):
      (self.link, self.version, self.socksListeners) = (link, version, socksListeners)
    case .progress(let bootstrap, let problem): (self.bootstrap, self.problem) = (bootstrap, problem)
    case .publication(let name, let publication): publications[name] = publication
    case .keyed(let name, let isKeyed): if isKeyed { keyed.insert(name) } else { keyed.remove(name) }
    case .found, .failed, .line, .changed: break
    }
  }
}

extension TorReport {
  /// The report as it is sent. What may be missing goes as no text or one.
  var message: RoomMessage {
    switch self {
    case .found(let names): RoomMessage(0, names.map { "\($0)" })
    case .failed(let reason, let isDenied): RoomMessage(1, [isDenied ? "1" : "0", reason])
    case .line(let level, let text): RoomMessage(2, ["\(level.rawValue)", text])
    case .link(let link, let version, let listeners):
      RoomMessage(3, link.fields + [version == nil ? "0" : "1", version ?? ""] + listeners)
    case .progress(let bootstrap, let problem):
      RoomMessage(4, bootstrap.fields + (problem.map { [$0] } ?? []))
    case .publication(let name, nil): RoomMessage(5, ["\(name)"])
    case .publication(let name, .published?): RoomMessage(6, ["\(name)"])
    case .publication(let name, .publishing(let failure)?): RoomMessage(7, ["\(name)"] + (failure.map { [$0] } ?? []))
    case .keyed(let name, let isKeyed): RoomMessage(8, ["\(name)", isKeyed ? "1" : "0"])
    case .changed: RoomMessage(9)
    }
  }

  /// Reads a report; `nil` for anything that is none.
  init?(_ message: RoomMessage) {
    let fields = message.fields
    switch (message.kind, fields.count) {
    case (0, 1...DaemonSettings.mostIdentities):
      let names = fields.compactMap { try? OnionName($0) }
      guard names.count == fields.count else { return nil }
      self = .found(names)
    case (1, 2): self = .failed(fields[1], isDenied: fields[0] == "1")
    case (2, 2):
      guard let level = Int(plain: fields[0]).flatMap({ LogLevel(rawValue: $0) }) else { return nil }
      self = .line(level, fields[1])
    case (3, 4...):
      guard let link = TorState.Link(Array(fields[..<2])) else { return nil }
      self = .link(link, version: fields[2] == "1" ? fields[3] : nil, socksListeners: Array(fields[4...]))
    case (4, 3...4):
      guard let bootstrap = TorBootstrap(Array(fields[..<3])) else { return nil }
      self = .progress(bootstrap, problem: fields.count > 3 ? fields[3] : nil)
    case (5, 1), (6, 1), (7, 1...2):
      guard let name = try? OnionName(fields[0]) else { return nil }
      let failure = fields.count > 1 ? fields[1] : nil
      self = .publication(
        name, message.kind == 5 ? nil : message.kind == 6 ? .published : .publishing(failure: failure))
    case (8, 2):
      guard let name = try? OnionName(fields[0]) else { return nil }
      self = .keyed(name, fields[1] == "1")
    case (9, 0): self = .changed
    default: return nil
    }
  }
}

extension TorState.Link {
  fileprivate var fields: [String] {
    switch self {
    case .none: ["none", ""]
    case .waiting(let reason): ["waiting", reason]
    case .up: ["up", ""]
    }
  }

  fileprivate init?(_ fields: [String]) {
    switch fields[0] {
    case "none": self = .none
    case "waiting": self = .waiting(reason: fields[1])
    case "up": self = .up
    default: return nil
    }
  }
}

extension TorBootstrap {
  fileprivate var fields: [String] {
    switch self {
    case .unknown: ["unknown", "", ""]
    case .starting(let percent, let summary): ["starting", "\(percent)", summary]
    case .up: ["up", "", ""]
    }
  }

  fileprivate init?(_ fields: [String]) {
    switch fields[0] {
    case "unknown": self = .unknown
    case "up": self = .up
    case "starting":
      guard let percent = Int(plain: fields[1]) else { return nil }
      self = .starting(percent: percent, summary: fields[2])
    default: return nil
    }
  }
}
