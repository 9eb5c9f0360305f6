/// A DHCPv6 client. The MAC address from which its frames come identifies it. Its own identifier is remembered, too, so
/// that a host with a new MAC address may keep its address.
struct LeaseClient: Equatable {
  let macAddress: MACAddress
  let identifier: DUID
}

/// The lease table tells which host has which address. Each address has at most one lease, and so has each host. A new
/// lease takes the address that was free for longest, so that hosts that come back get what they had.
struct LeaseTable {
  private enum State {
    /// Nobody's, ever.
    case free
    /// Offered; nobody else is offered it until then if there is another.
    case offered(LeaseClient, until: Instant)
    /// A host's until then, and remembered for it ever after.
    case leased(LeaseClient, until: Instant, expiry: Int64)
    /// In use by another host, as the client found; not handed out until then.
    case declined(LeaseClient, until: Instant)
  }

  private struct Entry {
    let address: IPv6Address
    /// The only host that may have it.
    let reservation: MACAddress?
    var state: State
  }

  private var entries: [Entry]
  /// Whether `leases` has changed since this was last set to false.
  var hasChanged = false

  /// The time that a lease lasts without renewal, in seconds.
  static let validLifetime: UInt32 = 7_200
  /// By how much the expiry that is remembered may lie before that which the host was told, seconds: a host that renews
  /// its lease again and again changes nothing that has to be written.
  private static let renewalGrain: Int64 = 1_800
  private static let offerTime = Duration.seconds(60)
  private static let declineTime = Duration.seconds(86_400)

  /// Makes a table of the addresses that may be handed out, with the leases that are remembered. It forgets a lease of
  /// an address that is no longer there, or that configuration gives to another host. No lease lasts longer than one
  /// that is given now, whatever the clock said when it was made.
  init(_ settings: AddressServiceSettings, leases: [Lease], at now: Instant, wallClock: Int64) {
    entries = LeaseTable.entries(settings)
    for lease in leases {
      let client = LeaseClient(macAddress: lease.macAddress, identifier: lease.client)
      guard let index = index(of: lease.address), self.index(of: client.macAddress) == nil,
        isPermitted(index, client), case .free = entries[index].state
      else { continue }
      let (left, overflow) = lease.expiry.subtractingReportingOverflow(wallClock)
      // The host may have been told more than is remembered.
      let told = overflow ? 0 : left.addingReportingOverflow(LeaseTable.renewalGrain).partialValue
      let seconds = max(0, min(told, Int64(LeaseTable.validLifetime)))
      entries[index].state = .leased(
        client, until: now + .seconds(seconds), expiry: lease.expiry)
    }
  }

  /// The addresses are others from now on: those that stay keep their leases.
  mutating func addressesChanged(to settings: AddressServiceSettings) {
    let before = Dictionary(entries.map { ($0.address, $0.state) }) { first, _ in first }
    entries = LeaseTable.entries(settings)
    for index in entries.indices { entries[index].state = before[entries[index].address] ?? .free }
    let kept = Set(entries.map(\.address))
    hasChanged = hasChanged || before.contains { if case .leased = $1 { !kept.contains($0) } else { false } }
  }

  private static func entries(_ settings: AddressServiceSettings) -> [Entry] {
    var known: Set<IPv6Address> = []
    let addresses = settings.addresses.dropFirst(settings.isFirstReserved ? 1 : 0).filter { known.insert($0).inserted }
    var reservations: [IPv6Address: MACAddress] = [:]
    for (macAddress, address) in settings.bindings { reservations[address] = macAddress }
    return addresses.map { Entry(address: $0, reservation: reservations[$0], state: .free) }
  }

  /// Returns whether `address` may be handed out.
  func contains(_ address: IPv6Address) -> Bool { index(of: address) != nil }

  /// Returns the only station that may have `address` now: configuration keeps it for that, or it is leased to it. It
  /// is `nil` if any may.
  func station(of address: IPv6Address, at now: Instant) -> MACAddress? {
    guard let index = index(of: address) else { return nil }
    if let kept = entries[index].reservation { return kept }
    guard case .leased(let client, let until, _) = entries[index].state, until > now else { return nil }
    return client.macAddress
  }

  /// The leases that are to be remembered over a restart, in the order of the addresses. Offers and declined addresses
  /// are not among them.
  var leases: [Lease] {
    entries.compactMap { entry in
      guard case .leased(let client, _, let expiry) = entry.state else { return nil }
      return Lease(
        address: entry.address, macAddress: client.macAddress, client: client.identifier, expiry: expiry)
    }
  }

  /// Offers the client an address and returns it; `nil` if every address is taken. `wanted` are the addresses that the
  /// client asks for.
  mutating func offer(to client: LeaseClient, wanted: [IPv6Address], at now: Instant) -> IPv6Address? {
    guard let index = choice(for: client, wanted, now) else { return nil }
    // An offer takes nothing from whoever has the address: another station can name itself by the same DUID.
    if case .leased(let holder, let until, _) = entries[index].state,
      holder.macAddress == client.macAddress || until > now
    {
      return entries[index].address
    }
    forget(client.macAddress, except: index)
    if case .leased = entries[index].state { hasChanged = true }
    entries[index].state = .offered(client, until: now + LeaseTable.offerTime)
    return entries[index].address
  }

  /// Leases the client an address and returns it; `nil` if every address is taken.
  mutating func lease(
    to client: LeaseClient, wanted: [IPv6Address], at now: Instant, wallClock: Int64
  ) -> IPv6Address? {
    guard let index = choice(for: client, wanted, now) else { return nil }
    return lease(index, to: client, now, wallClock)
  }

  /// Leases the client just this address. It returns false if the client cannot have it.
  mutating func claim(_ address: IPv6Address, for client: LeaseClient, at now: Instant, wallClock: Int64) -> Bool {
    guard let index = choice(for: client, [address], now), entries[index].address == address else { return false }
    return lease(index, to: client, now, wallClock) == address
  }

  /// Ends the lease of `address`. It returns false if the address is not the client's.
  mutating func release(_ address: IPv6Address, by client: LeaseClient, at now: Instant, wallClock: Int64) -> Bool {
    guard let index = index(of: address), case .leased(let holder, let until, let expiry) = entries[index].state,
      LeaseTable.isSame(holder, client)
    else { return false }
    entries[index].state = .leased(holder, until: min(until, now), expiry: min(expiry, wallClock))
    hasChanged = true
    return true
  }

  /// Takes `address` back and hands it to nobody for a day. It returns false if the address is not the client's.
  mutating func decline(_ address: IPv6Address, by client: LeaseClient, at now: Instant) -> Bool {
    guard let index = index(of: address) else { return false }
    switch entries[index].state {
    case .declined(let holder, _): return LeaseTable.isSame(holder, client)
    case .leased(let holder, _, _) where LeaseTable.isSame(holder, client):
      entries[index].state = .declined(client, until: now + LeaseTable.declineTime)
      hasChanged = true
      return true
    default: return false
    }
  }

  // The choice of an address

  private func choice(for client: LeaseClient, _ wanted: [IPv6Address], _ now: Instant) -> Int? {
    if let own = entries.firstIndex(where: { $0.reservation == client.macAddress }) {
      return isDeclined(own, now) ? nil : own
    }
    if let had = index(of: client.macAddress) { return had }
    for address in wanted {
      guard let index = index(of: address), isPermitted(index, client) else { continue }
      if let holder = holder(index), holder.identifier == client.identifier { return index }
      if let since = freeSince(index, now), since <= now { return index }
    }
    // The one that is free for the longest time. If none is, an offer that nobody has accepted yet is one too many.
    let candidates = entries.indices.compactMap { index -> (index: Int, since: Instant, expiry: Int64)? in
      guard entries[index].reservation == nil, let since = freeSince(index, now) else { return nil }
      guard case .leased(_, _, let expiry) = entries[index].state else { return (index, since, 0) }
      return (index, since, expiry)
    }
    return candidates.min { ($0.since, $0.expiry, $0.index) < ($1.since, $1.expiry, $1.index) }?.index
  }

  /// Returns since when the entry is free. That is later than now if it is merely offered, and `nil` if it is not free.
  private func freeSince(_ index: Int, _ now: Instant) -> Instant? {
    switch entries[index].state {
    case .free: Instant(nanoseconds: 0)
    case .offered(_, let until): until
    case .leased(_, let until, _), .declined(_, let until): until <= now ? until : nil
    }
  }

  private func isDeclined(_ index: Int, _ now: Instant) -> Bool {
    guard case .declined(_, let until) = entries[index].state else { return false }
    return until > now
  }

  /// Returns whether configuration lets the client have the entry.
  private func isPermitted(_ index: Int, _ client: LeaseClient) -> Bool {
    entries[index].reservation == nil || entries[index].reservation == client.macAddress
  }

  /// Whom the entry is leased or offered to, or was.
  private func holder(_ index: Int) -> LeaseClient? {
    switch entries[index].state {
    case .leased(let client, _, _), .offered(let client, _): client
    case .free, .declined: nil
    }
  }

  private static func isSame(_ holder: LeaseClient, _ client: LeaseClient) -> Bool {
    holder.macAddress == client.macAddress || holder.identifier == client.identifier
  }

  private func index(of address: IPv6Address) -> Int? { entries.firstIndex { $0.address == address } }

  private func index(of macAddress: MACAddress) -> Int? {
    entries.indices.first { holder($0)?.macAddress == macAddress }
  }

  private mutating func lease(_ index: Int, to client: LeaseClient, _ now: Instant, _ wallClock: Int64) -> IPv6Address {
    forget(client.macAddress, except: index)
    let (sum, overflow) = wallClock.addingReportingOverflow(Int64(LeaseTable.validLifetime))
    var expiry = overflow ? Int64.max : sum
    if case .leased(client, _, let kept) = entries[index].state, kept <= expiry, expiry - kept < LeaseTable.renewalGrain
    {
      expiry = kept
    } else {
      hasChanged = true
    }
    let until = now + .seconds(LeaseTable.validLifetime)
    entries[index].state = .leased(client, until: until, expiry: expiry)
    return entries[index].address
  }

  private mutating func forget(_ macAddress: MACAddress, except kept: Int) {
    for index in entries.indices where index != kept && holder(index)?.macAddress == macAddress {
      if case .leased = entries[index].state { hasChanged = true }
      entries[index].state = .free
    }
  }
}
