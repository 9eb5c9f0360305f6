import OverlayCore

/// The helper's answer to a request. Descriptors come beside it.
enum RoomReply: Equatable {
  /// It is done.
  case done
  /// It is done, with a number: that of a watch, of a process, or 1 and 0 for yes and no.
  case number(Int32)
  /// What became of the leak guards.
  case leakGuard(LeakGuardReport)
  /// A line for the operator; empty for none.
  case line(String)
  /// The tunnel's device, which comes along.
  case tunnel(index: Int32, TunnelFraming, MACAddress?)
  /// What the namespace is like.
  case survey(NamespaceSurvey)
  /// How a hook ended: its status, or the signal.
  case ending(SystemCall.Ending)
  /// A call failed.
  case failed(SystemError)
  /// A request about the interface, or the whole helper, failed, for want of a right or for something else.
  case refused(String, isDenied: Bool)
}

extension RoomReply {
  /// As many addresses as are told of: beyond that nobody looks at a line of advice.
  private static let mostAddresses = 256

  /// The reply as it is sent.
  var message: RoomMessage {
    switch self {
    case .done: RoomMessage(0)
    case .number(let number): RoomMessage(1, ["\(number)"])
    case .leakGuard(let report):
      RoomMessage(
        2,
        [report.state.word, "\(report.hasPolicyRules ? 1 : 0)", "\(report.overridingRules.count)"]
          + report.overridingRules.sorted().map { "\($0)" } + report.overridingRoutes.map { "\($0)" })
    case .line(let text): RoomMessage(3, [text])
    case .tunnel(let index, let framing, let address):
      RoomMessage(4, ["\(index)", framing.rawValue, address.map { "\($0)" } ?? ""])
    case .survey(let survey):
      RoomMessage(
        5,
        ["\(survey.forwardsIPv6 ? 1 : 0)", "\(survey.forwardsIPv4 ? 1 : 0)"]
          + survey.addresses.prefix(RoomReply.mostAddresses).flatMap {
            ["\($0.address)", "\($0.prefixLength)", $0.interface]
          })
    case .ending(.exit(let status)): RoomMessage(6, ["\(status)"])
    case .ending(.signal(let number)): RoomMessage(7, ["\(number)"])
    case .failed(let error): RoomMessage(8, ["\(error.number)", error.call])
    case .refused(let reason, let isDenied): RoomMessage(9, ["\(isDenied ? 1 : 0)", reason])
    }
  }

  /// Reads a reply; `nil` for anything that is none.
  init?(_ message: RoomMessage) {
    let fields = message.fields
    switch (message.kind, fields.count) {
    case (0, 0): self = .done
    case (1, 1):
      guard let number = Int32(plain: fields[0]) else { return nil }
      self = .number(number)
    case (2, 3...):
      guard let state = LeakGuardState(word: fields[0]), let count = Int(plain: fields[2]),
        (0...fields.count - 3).contains(count)
      else { return nil }
      let rules = fields[3...].prefix(count).compactMap { UInt32(plain: $0) }
      let routes = fields.dropFirst(3 + count).compactMap { IPPrefix($0) }
      var report = LeakGuardReport(state: state, hasPolicyRules: fields[1] == "1")
      (report.overridingRules, report.overridingRoutes) = (Set(rules), Set(routes))
      self = .leakGuard(report)
    case (3, 1): self = .line(fields[0])
    case (4, 3):
      guard let index = Int32(plain: fields[0]), let framing = TunnelFraming(rawValue: fields[1]) else { return nil }
      self = .tunnel(index: index, framing, MACAddress(fields[2]))
    case (5, 2...):
      var survey = NamespaceSurvey()
      (survey.forwardsIPv6, survey.forwardsIPv4) = (fields[0] == "1", fields[1] == "1")
      for start in stride(from: 2, to: fields.count - 2, by: 3) {
        guard let address = IPv6Address(fields[start]), let length = Int(plain: fields[start + 1]) else { return nil }
        survey.addresses.append(
          NamespaceSurvey.Address(address: address, prefixLength: length, interface: fields[start + 2]))
      }
      self = .survey(survey)
    case (6, 1), (7, 1):
      guard let number = Int32(plain: fields[0]) else { return nil }
      self = .ending(message.kind == 6 ? .exit(number) : .signal(number))
    case (8, 2):
      guard let number = Int32(plain: fields[0]) else { return nil }
      self = .failed(SystemError(call: fields[1], number: number))
    case (9, 2): self = .refused(fields[1], isDenied: fields[0] == "1")
    default: return nil
    }
  }
}

extension LeakGuardState {
  fileprivate var word: String {
    switch self {
    case .installed: "installed"
    case .adopted: "adopted"
    case .loopbackDown: "loopback-down"
    }
  }

  fileprivate init?(word: String) {
    guard let state = [LeakGuardState.installed, .adopted, .loopbackDown].first(where: { $0.word == word }) else {
      return nil
    }
    self = state
  }
}
