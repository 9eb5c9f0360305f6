/// One thing that `oncilla doctor` looked at, and what it found.
public struct Check: Equatable, Sendable {
  /// What was looked at.
  public let subject: Subject
  /// What was found.
  public let finding: Finding

  /// What can be looked at, in the order in which it is: each stands on those before it.
  public enum Subject: String, CaseIterable, Sendable {
    case tunDevice = "tun device"
    case kernelIPv6 = "kernel IPv6"
    case configuration
    case stateDirectory = "state directory"
    case identityBackup = "identity backup"
    case hostnameFile = "hostname file"
    case clock
    case socksPort = "SOCKS port"
    case torBootstrap = "Tor bootstrap"
    case onionService = "onion service"
    case secondDaemon = "second daemon"
    case daemon
    case room = "locked room"
    case published
    case loop
    case lookup
    case leakGuard = "guard"
    case routes
    case mtu = "MTU"
    case forwarding
    case firewall
    case dns = "DNS"
    case networkManagers = "network managers"
    case congestionControl = "congestion control"
  }

  /// What was found, in words, and what to do about it.
  public enum Finding: Equatable, Sendable {
    /// It is as it should be.
    case ok(String)
    /// It may be well. What stands there is only advice.
    case note(String, remedy: String)
    /// It keeps the daemon from doing its work, or does harm.
    case wrong(String, remedy: String)
    /// It could not be looked at, for this reason.
    case skipped(String)
  }
}

extension Check {
  /// The finding in a word.
  public var word: String {
    switch finding {
    case .ok: "ok"
    case .note: "note"
    case .wrong: "wrong"
    case .skipped: "skip"
    }
  }

  /// What was found, in words.
  public var text: String {
    switch finding {
    case .ok(let text), .note(let text, _), .wrong(let text, _), .skipped(let text): text
    }
  }

  /// What to do about it; `nil` if nothing is to be done.
  public var remedy: String? {
    switch finding {
    case .ok, .skipped: nil
    case .note(_, let remedy), .wrong(_, let remedy): remedy
    }
  }

  /// Whether it keeps the daemon from doing its work.
  public var isWrong: Bool { if case .wrong = finding { true } else { false } }

  /// The check in a line, behind the word.
  public var line: String {
    "\(subject.rawValue): \(text)\(remedy.map { "; \($0)" } ?? "")".singleLine.cut(toBytes: 1_000)
  }

  /// The check as programs read it.
  public var json: JSONValue {
    [
      "check": .string(name), "finding": .string(word == "skip" ? "skipped" : word), "text": .string(text),
      "remedy": remedy.map { .string($0) } ?? .null,
    ]
  }

  /// The subject as programs read it: `socks_port`.
  private var name: String { String(subject.rawValue.lowercased().map { $0 == " " ? "_" : $0 }) }
}
