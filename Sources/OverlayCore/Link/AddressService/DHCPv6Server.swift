/// A server of addresses for the hosts of one link (RFC 8415 section 18.3). It has one address for a host: a host's
/// first association gets it, a further one none. What a client sends again is answered as before.
struct DHCPv6Server {
  /// What becomes of a message.
  enum Outcome: Equatable {
    /// This is sent back.
    case answer(DHCPv6Message)
    /// Nothing.
    case drop(Counter)
  }

  /// A message, and how it came.
  struct Request {
    let message: DHCPv6Message
    let macAddress: MACAddress
    /// Whether it was sent to the server alone, which no client is told to do.
    let isUnicast: Bool
    let at: Instant
    /// Seconds since 1970.
    let wallClock: Int64
  }

  /// The server's own identifier, a DUID-LL.
  let identifier: DUID
  /// What the link's hosts have on link: of addresses outside the server knows nothing.
  let prefix: IPv6Prefix
  /// The zone of the names that are answered for on the link; `nil` if none are.
  let zone: DNSName?
  /// Who has which address.
  var table: LeaseTable

  static let preferredLifetime: UInt32 = 3_600
  // RFC 8415 section 21.4: half and four fifths of the preferred lifetime.
  static let renewalTime: UInt32 = preferredLifetime / 2
  static let rebindingTime: UInt32 = preferredLifetime / 5 * 4

  /// The outcome of a message, by the rules for its kind (RFC 8415 section 16).
  mutating func receive(_ request: Request) -> Outcome {
    let message = request.message
    switch message.kind {
    case .solicit, .confirm, .rebind:
      guard let client = message.client, message.server == nil, !request.isUnicast else {
        return .drop(.addressRequestMalformed)
      }
      return respond(request, LeaseClient(macAddress: request.macAddress, identifier: client))
    case .request, .renew, .release, .decline:
      guard let client = message.client, let server = message.server else { return .drop(.addressRequestMalformed) }
      guard server == identifier else { return .drop(.addressRequestForeign) }
      if request.isUnicast { return .answer(reply(to: message, status: .useMulticast)) }
      return respond(request, LeaseClient(macAddress: request.macAddress, identifier: client))
    case .informationRequest:
      guard message.associations.isEmpty, !request.isUnicast else { return .drop(.addressRequestMalformed) }
      guard message.server == nil || message.server == identifier else { return .drop(.addressRequestForeign) }
      return .answer(reply(to: message))
    case .advertise, .reply: return .drop(.addressRequestForeign)
    }
  }

  private mutating func respond(_ request: Request, _ client: LeaseClient) -> Outcome {
    // Prefixes and temporary addresses are other servers' business.
    guard !request.message.associations.isEmpty else { return .drop(.addressRequestForeign) }
    switch request.message.kind {
    case .solicit: return .answer(solicited(request, client))
    case .request: return .answer(requested(request, client))
    case .confirm: return confirmed(request, client)
    case .renew: return .answer(renewed(request, client, request.message.associations))
    case .rebind: return rebound(request, client)
    case .release, .decline: return .answer(returned(request, client))
    case .advertise, .reply, .informationRequest: return .drop(.addressRequestForeign)
    }
  }

  private mutating func solicited(_ request: Request, _ client: LeaseClient) -> DHCPv6Message {
    let message = request.message
    let wanted = message.wanted
    let isRapid = message.isRapid
    let address =
      isRapid
      ? table.lease(to: client, wanted: wanted, at: request.at, wallClock: request.wallClock)
      : table.offer(to: client, wanted: wanted, at: request.at)
    var answer = reply(to: message)
    answer.isRapid = isRapid && address != nil
    answer.kind = answer.isRapid ? .reply : .advertise
    answer.associations = grant(address, message.associations)
    return answer
  }

  private mutating func requested(_ request: Request, _ client: LeaseClient) -> DHCPv6Message {
    let message = request.message
    var answer = reply(to: message)
    guard message.wanted.allSatisfy({ table.contains($0) }) else {
      answer.associations = message.associations.map { $0.answer(.notOnLink) }
      return answer
    }
    let address = table.lease(to: client, wanted: message.wanted, at: request.at, wallClock: request.wallClock)
    answer.associations = grant(address, message.associations)
    return answer
  }

  /// A host has moved, perhaps: are its addresses right here? Nothing is said of addresses that others may have given.
  private mutating func confirmed(_ request: Request, _ client: LeaseClient) -> Outcome {
    let addresses = Set(request.message.wanted)
    guard let address = addresses.first, addresses.allSatisfy({ prefix.contains($0) }) else {
      return .drop(.addressRequestForeign)
    }
    let isRight =
      addresses.count == 1 && table.claim(address, for: client, at: request.at, wallClock: request.wallClock)
    return .answer(reply(to: request.message, status: isRight ? .success : .notOnLink))
  }

  /// A lease that is not known is made anew, as section 18.3.4 permits: hosts go on even where the lease file is lost.
  private mutating func renewed(
    _ request: Request, _ client: LeaseClient, _ associations: [DHCPv6Association]
  ) -> DHCPv6Message {
    let wanted = associations.flatMap { $0.addresses.map(\.address) }
    let address = table.lease(to: client, wanted: wanted, at: request.at, wallClock: request.wallClock)
    var answer = reply(to: request.message)
    answer.associations = zip(associations, grant(address, associations)).map { asked, granted in
      var granted = granted
      for old in asked.addresses where old.address != granted.addresses.first?.address {
        granted.addresses.append(DHCPv6Address(old.address))
      }
      return granted
    }
    return answer
  }

  private mutating func rebound(_ request: Request, _ client: LeaseClient) -> Outcome {
    let associations = request.message.associations.compactMap { association -> DHCPv6Association? in
      var ours = association
      ours.addresses.removeAll { !prefix.contains($0.address) }
      return ours.addresses.isEmpty ? nil : ours
    }
    guard !associations.isEmpty else { return .drop(.addressRequestForeign) }
    return .answer(renewed(request, client, associations))
  }

  private mutating func returned(_ request: Request, _ client: LeaseClient) -> DHCPv6Message {
    let isDecline = request.message.kind == .decline
    var answer = reply(to: request.message, status: .success)
    for association in request.message.associations {
      var isKnown = false
      for address in association.addresses.map(\.address) {
        let isReturned =
          isDecline
          ? table.decline(address, by: client, at: request.at)
          : table.release(address, by: client, at: request.at, wallClock: request.wallClock)
        isKnown = isKnown || isReturned
      }
      if !isKnown { answer.associations.append(association.answer(.noBinding)) }
    }
    return answer
  }

  private func reply(to message: DHCPv6Message, status: DHCPv6Status? = nil) -> DHCPv6Message {
    var answer = DHCPv6Message(.reply, transaction: message.transaction)
    answer.client = message.client
    answer.server = identifier
    answer.status = status
    // More may be told than was asked for (RFC 8415 section 18.3.9), but only to who configures itself.
    if ![.confirm, .release, .decline].contains(message.kind) { answer.zone = zone }
    return answer
  }

  /// The answers to `associations` where the client has `address`: for the one that names it, or else the first.
  private func grant(_ address: IPv6Address?, _ associations: [DHCPv6Association]) -> [DHCPv6Association] {
    let naming = associations.firstIndex { $0.addresses.contains { $0.address == address } } ?? 0
    return associations.enumerated().map { index, association in
      guard let address, index == naming else { return association.answer(.noAddressesAvailable) }
      var granted = DHCPv6Association(identifier: association.identifier)
      granted.renewalTime = DHCPv6Server.renewalTime
      granted.rebindingTime = DHCPv6Server.rebindingTime
      granted.addresses = [
        DHCPv6Address(
          address, preferredLifetime: DHCPv6Server.preferredLifetime, validLifetime: LeaseTable.validLifetime)
      ]
      return granted
    }
  }
}

extension DHCPv6Message {
  /// Every address that the client names.
  fileprivate var wanted: [IPv6Address] { associations.flatMap { $0.addresses.map(\.address) } }
}

extension DHCPv6Association {
  /// The answer that there is nothing, and why.
  fileprivate func answer(_ status: DHCPv6Status) -> DHCPv6Association {
    var answer = DHCPv6Association(identifier: identifier)
    answer.status = status
    return answer
  }
}
