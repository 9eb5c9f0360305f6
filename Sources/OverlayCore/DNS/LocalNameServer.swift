/// What a node knows of names, for those who ask at its door.
public protocol LocalNames {
  /// Returns the address of the peer with a petname.
  func address(of petname: Petname) -> IPv6Address?
  /// Returns the petname of the peer with an overlay address.
  func petname(of address: IPv6Address) -> Petname?
  /// Returns the onion name that an overlay address stands for.
  func name(of address: IPv6Address) -> OnionName?
  /// Returns whether an onion name may have its address, or whether that is another host's.
  func admits(_ name: OnionName) -> Bool
}

extension LocalNames {
  /// Returns whether no other name has the address.
  public func admits(_ name: OnionName) -> Bool { self.name(of: name.address).map { $0 == name } ?? true }
}

/// What is answered to programs of this host, at a loopback address: the addresses of onion names and of petnames, and
/// the names of overlay addresses. It has all names of its zones or knows that there is none, asks nobody, and refuses
/// whatever is in no zone of its own, so that no name leaves this host and none of the outside comes through it.
public struct LocalNameServer: Sendable {
  /// For how many seconds an answer is valid, and for how many it is remembered that there is none.
  static let lifetime: UInt32 = 60
  /// The zone of petnames, unless the operator wants another (`internal` is for this: ICANN's resolution
  /// 2024.07.29.06).
  public static let usualZone = "oncilla.internal"

  /// An answer, and what was asked for with it.
  public struct Answer: Equatable {
    /// The message; `nil` if there is none to be given.
    public let message: [UInt8]?
    /// The onion name whose address was asked for: it is made known, so that its address can be reached at once.
    public var name: OnionName?
  }

  /// The zone of petnames.
  let zone: DNSName
  private let reverse = DNSName(of: OverlayNetwork.tor.prefix)

  /// A server whose petnames are in `zone`. It is `nil` if that is no zone for them: the root, one of the others, or
  /// one in which no petname has room.
  public init?(zone: String = usualZone) {
    guard let name = DNSName(zone), name.wire.count <= DNSName.longest - DNSName.longestLabel - 1,
      name != .root,
      ![DNSName.onion, .addresses].contains(where: { name.offset(of: $0) != nil || $0.offset(of: name) != nil })
    else { return nil }
    self.zone = name
  }

  /// Answers a message that came over UDP, or over TCP with `greatest` of 65,535 bytes.
  public func answer(to message: UnsafeRawBufferPointer, greatest: Int? = nil, from names: some LocalNames) -> Answer {
    switch DNSQuery.read(message) {
    case .ignored: return Answer(message: nil)
    case .refused(let header, let code): return Answer(message: DNSReply.message(refusing: header, code))
    case .query(let query):
      var asked: OnionName?
      let reply = reply(to: query, names, &asked)
      return Answer(message: reply.message(to: query, greatest: greatest ?? query.greatestAnswer), name: asked)
    }
  }

  /// Refuses a message as above, whatever it asks for: who sent it may know nothing.
  public func refusal(of message: UnsafeRawBufferPointer, greatest: Int? = nil) -> Answer {
    switch DNSQuery.read(message) {
    case .ignored: return Answer(message: nil)
    case .refused(let header, let code): return Answer(message: DNSReply.message(refusing: header, code))
    case .query(let query):
      return Answer(
        message: DNSReply(code: .refused).message(to: query, greatest: greatest ?? query.greatestAnswer))
    }
  }

  private func reply(to query: DNSQuery, _ names: some LocalNames, _ asked: inout OnionName?) -> DNSReply {
    if let extensions = query.extensions, extensions.version != 0 { return DNSReply(code: .badVersion) }
    let question = query.question
    guard question.recordClass == .internet, ![.transfer, .incrementalTransfer].contains(question.type),
      let zone = [.onion, zone, reverse].first(where: { question.name.offset(of: $0) != nil })
    else { return DNSReply(code: .refused) }
    let authority = DNSReply.Record(
      name: zone, lifetime: LocalNameServer.lifetime, value: .startOfAuthority(seconds: LocalNameServer.lifetime))
    guard question.name != zone else {
      let isAsked = [.startOfAuthority, .any].contains(question.type)
      return DNSReply(
        code: .noError, isAuthoritative: true, answers: isAsked ? [authority] : [], authority: isAsked ? nil : authority
      )
    }
    guard let found = found(question.name, in: zone, names, &asked) else {
      return DNSReply(code: .nameError, isAuthoritative: true, authority: authority)
    }
    guard let value = found.value, [value.type, .any].contains(question.type) else {
      return DNSReply(code: .noError, isAuthoritative: true, authority: authority)
    }
    let record = DNSReply.Record(name: question.name, lifetime: LocalNameServer.lifetime, value: value)
    return DNSReply(code: .noError, isAuthoritative: true, answers: [record])
  }

  /// A name that exists: its one record, or none where only names below it have some.
  private struct Found {
    var value: DNSReply.Value?
  }

  private func found(
    _ name: DNSName, in zone: DNSName, _ names: some LocalNames, _ asked: inout OnionName?
  ) -> Found? {
    if zone == reverse {
      guard let address = name.address else { return name.isOfAddresses ? Found() : nil }
      return pointer(of: address, names).map { Found(value: .pointer($0)) }
    }
    if zone == .onion {
      guard let onion = OnionName(name), !onion.isVersion2 else { return nil }
      // An address that stands for another name leads to another host, whom nobody asked for.
      guard names.admits(onion) else { return nil }
      asked = onion
      return Found(value: .ipv6Address(onion.address))
    }
    guard let labels = name.text(below: zone), labels.count == 1, let petname = Petname(labels[0]),
      let address = names.address(of: petname)
    else { return nil }
    return Found(value: .ipv6Address(address))
  }

  /// The name of an address: the petname, which its reader gave it, before the onion name.
  private func pointer(of address: IPv6Address, _ names: some LocalNames) -> DNSName? {
    if let petname = names.petname(of: address) { return DNSName(petname.description, below: zone) }
    return names.name(of: address).flatMap { DNSName($0.description) }
  }
}
