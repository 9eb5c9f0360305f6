import OverlayCore

/// All that the helper is asked for by those who gave up their own rights. The set is closed, and not all of it is on
/// everybody's list (`RoomClient`).
enum RoomRequest: Equatable {
  /// How a path is opened.
  enum Use: String {
    /// To be read.
    case read
    /// To be read, and no link.
    case readPlain = "read-plain"
    /// As a directory.
    case directory
    /// To be looked at from outside.
    case place
    /// The same, and no link.
    case placePlain = "place-plain"
    /// As the log, to which lines are appended.
    case log
  }

  /// A request about the interface.
  case privileged(PrivilegedRequest)
  /// What the namespace of the interface is like.
  case survey
  /// The configuration is read again: by the helper itself, which takes nobody's word for what it says.
  case configurationChanged
  /// The daemon does what the configuration says that was read last, or could not and goes on as before.
  case configurationSettled(isNew: Bool)
  /// A file that the configuration names, or a part of the configuration, is opened.
  case open(String, Use)
  /// A queue of inotify(7) is made, whose number the reply tells: both have it.
  case fileEvents
  /// The helper closes its descriptor of the queue of this number.
  case endFileEvents(Int32)
  /// The queue of this number hears of these events of such a file, or of a directory on the way to it.
  case watch(String, UInt32, queue: Int32)
  /// A socket is connected to Tor's UNIX socket at the path.
  case connect(String)
  /// The daemon's own socket at the path, or a file that it keeps, is removed.
  case remove(String)
  /// A file is made and opened to be written, that is to take the place of the kept one at the path.
  case draft(String)
  /// It takes that place.
  case finish(String)
  /// It is removed.
  case discard(String)
  /// These lines come into the block of a hosts file with `keepHosts`, behind those before unless they are the first.
  case addHosts([String], isFirst: Bool)
  /// The lines are put into the hosts file at the path.
  case keepHosts(String)
  /// Whether a hook can be run.
  case checkHook(Hook)
  /// A hook is started: for the identity of this name, and about a peer if the event is about one.
  case startHook(Hook, OnionName, ConfiguredPeer?)
  /// How a hook ended that was started.
  case hookEnding(Int32)
  /// A hook that was started is ended.
  case endHook(Int32)
}

extension RoomRequest {
  /// As many lines as go into one message.
  static let mostLines = 256

  /// The request as it is sent.
  var message: RoomMessage {
    switch self {
    case .privileged(let request): request.message
    case .survey: RoomMessage(20)
    case .configurationChanged: RoomMessage(21)
    case .configurationSettled(let isNew): RoomMessage(32, [isNew ? "1" : "0"])
    case .open(let path, let use): RoomMessage(22, [path, use.rawValue])
    case .fileEvents: RoomMessage(35)
    case .endFileEvents(let number): RoomMessage(36, ["\(number)"])
    case .watch(let path, let mask, let queue): RoomMessage(23, [path, "\(mask)", "\(queue)"])
    case .connect(let path): RoomMessage(24, [path])
    case .remove(let path): RoomMessage(25, [path])
    case .draft(let path): RoomMessage(33, [path])
    case .finish(let path): RoomMessage(34, [path])
    case .discard(let path): RoomMessage(37, [path])
    case .addHosts(let lines, let isFirst): RoomMessage(26, [isFirst ? "1" : "0"] + lines)
    case .keepHosts(let path): RoomMessage(27, [path])
    case .checkHook(let hook): RoomMessage(28, hook.fields)
    case .startHook(let hook, let name, let peer):
      RoomMessage(
        29, hook.fields + ["\(name)"] + (peer.map { ["\($0.name)", $0.petname?.description ?? ""] } ?? []))
    case .hookEnding(let process): RoomMessage(30, ["\(process)"])
    case .endHook(let process): RoomMessage(31, ["\(process)"])
    }
  }

  /// Reads a request; `nil` for anything that is none, to the last character.
  init?(_ message: RoomMessage) {
    let fields = message.fields
    switch (message.kind, fields.count) {
    case (0..<20, _):
      guard let request = PrivilegedRequest(message) else { return nil }
      self = .privileged(request)
    case (20, 0): self = .survey
    case (21, 0): self = .configurationChanged
    case (32, 1):
      guard fields[0] == "1" || fields[0] == "0" else { return nil }
      self = .configurationSettled(isNew: fields[0] == "1")
    case (22, 2):
      guard let use = Use(rawValue: fields[1]) else { return nil }
      self = .open(fields[0], use)
    case (35, 0): self = .fileEvents
    case (36, 1):
      guard let number = Int32(plain: fields[0]) else { return nil }
      self = .endFileEvents(number)
    case (23, 3):
      guard let mask = UInt32(plain: fields[1]), let queue = Int32(plain: fields[2]) else { return nil }
      self = .watch(fields[0], mask, queue: queue)
    case (24, 1): self = .connect(fields[0])
    case (25, 1): self = .remove(fields[0])
    case (33, 1): self = .draft(fields[0])
    case (34, 1): self = .finish(fields[0])
    case (37, 1): self = .discard(fields[0])
    case (26, 1...(1 + RoomRequest.mostLines)):
      guard fields[0] == "1" || fields[0] == "0" else { return nil }
      self = .addHosts(Array(fields.dropFirst()), isFirst: fields[0] == "1")
    case (27, 1): self = .keepHosts(fields[0])
    case (28, 2):
      guard let hook = Hook(fields) else { return nil }
      self = .checkHook(hook)
    case (29, 3), (29, 5):
      guard let hook = Hook(Array(fields[..<2])), let name = try? OnionName(fields[2]) else { return nil }
      var peer: ConfiguredPeer?
      if fields.count == 5 {
        let petname = Petname(fields[4])
        guard let name = try? OnionName(fields[3]), petname != nil || fields[4].isEmpty else { return nil }
        peer = ConfiguredPeer(name: name, petname: petname)
      }
      self = .startHook(hook, name, peer)
    case (30, 1):
      guard let process = Int32(plain: fields[0]) else { return nil }
      self = .hookEnding(process)
    case (31, 1):
      guard let process = Int32(plain: fields[0]) else { return nil }
      self = .endHook(process)
    default: return nil
    }
  }
}

extension RoomRequest {
  /// What undoes this, where nobody gets the reply that it was answered with; `nil` where nothing is left of it.
  func undoing(_ reply: RoomReply) -> RoomRequest? {
    switch (self, reply) {
    case (.startHook, .number(let process)): .endHook(process)
    case (.fileEvents, .number(let queue)): .endFileEvents(queue)
    case (.draft(let path), .done): .discard(path)
    default: nil
    }
  }
}

extension FixedWidthInteger {
  /// The number that a text says in decimal digits, as it is written and no other way.
  init?(plain text: String) {
    guard let number = Self(text), "\(number)" == text else { return nil }
    self = number
  }
}

extension Hook {
  fileprivate var fields: [String] { [event.rawValue, path] }

  fileprivate init?(_ fields: [String]) {
    guard fields.count == 2, let event = HookEvent(rawValue: fields[0]) else { return nil }
    self.init(event, fields[1])
  }
}

extension PrivilegedRequest {
  /// The request as it is sent to the helper.
  fileprivate var message: RoomMessage {
    switch self {
    case .installLeakGuard: RoomMessage(0)
    case .removeLeakGuards: RoomMessage(1)
    case .lookForLeakGuards: RoomMessage(2)
    case .openTunnel: RoomMessage(3)
    case .openMonitor: RoomMessage(4)
    case .configureInterface(let addresses): RoomMessage(5, addresses.map { "\($0)" })
    case .setPrefixes(let routes, let served):
      RoomMessage(6, ["\(routes.count)"] + (routes + served).map { "\($0)" })
    case .restoreInterface: RoomMessage(7)
    case .lookForSourceAddress: RoomMessage(8)
    case .forgetConnections: RoomMessage(9)
    case .becomeMulticastRouterPort: RoomMessage(10)
    }
  }

  fileprivate init?(_ message: RoomMessage) {
    let fields = message.fields
    switch (message.kind, fields.count) {
    case (0, 0): self = .installLeakGuard
    case (1, 0): self = .removeLeakGuards
    case (2, 0): self = .lookForLeakGuards
    case (3, 0): self = .openTunnel
    case (4, 0): self = .openMonitor
    case (5, 0...DaemonSettings.mostIdentities):
      let addresses = fields.compactMap { IPv6Address($0) }
      guard addresses.count == fields.count else { return nil }
      self = .configureInterface(addresses)
    case (6, 1...(1 + 2 * DaemonSettings.mostPrefixes)):
      let prefixes = fields.dropFirst().compactMap { IPPrefix($0) }
      guard prefixes.count == fields.count - 1, let count = Int(plain: fields[0]), (0...prefixes.count).contains(count)
      else { return nil }
      self = .setPrefixes(routes: Array(prefixes[..<count]), served: Array(prefixes[count...]))
    case (7, 0): self = .restoreInterface
    case (8, 0): self = .lookForSourceAddress
    case (9, 0): self = .forgetConnections
    case (10, 0): self = .becomeMulticastRouterPort
    default: return nil
    }
  }
}
