/// What the operator asks of names.
extension Node {
  /// The names that this identity knows behind this place, or from the first on, which is its own, in their order, at
  /// most `limit`.
  public func knownNames(after place: NamePlace? = nil, limit: Int, at now: Instant) -> [KnownName] {
    let own = [knownOwnName].filter { own in place.map { own.place > $0 } ?? true }.prefix(max(0, limit))
    return own + names.known(after: place, limit: limit - own.count, at: now)
  }

  /// The number of names that this identity knows, its own among them. It looks at every name that the operator gave.
  public var knownNameCount: Int { names.count + 1 }

  /// Returns the name of an address that can be dialled; `nil` if none is known, or its own claim is all that is known
  /// of it.
  public func known(at address: IPv6Address, _ now: Instant) -> KnownName? {
    if address == settings.name.address { return knownOwnName }
    if let name = names.diallable(at: address, now), !names.isStranger(name) { return names.known(at: address, now) }
    // Circuits stay when a name is forgotten.
    return peers.reachedName(at: address).map {
      KnownName(name: $0, source: .keepalive, isReached: true, age: nil, expiry: nil)
    }
  }

  /// Returns the name of an address, and begins to search for it if it is not known, or if its own claim is all that is
  /// known of it.
  public mutating func resolve<Device: PacketDevice & ~Copyable>(
    _ address: IPv6Address, turn: inout Turn<Device>
  ) -> Resolution {
    if let known = known(at: address, turn.now) { return .known(known) }
    // It is found out already whether there is somebody.
    if peers.isDialling(address) { return .searching }
    defer { tellUnresolved(turn: &turn) }
    let mayAsk = peers.maySearchNow(at: turn.now)
    let claimed = names.name(of: address).flatMap { names.hasFailed($0) ? $0 : nil }
    let search = peers.search(
      for: address, disproved: claimed, names: &names, streams: &streams, out: &out, at: turn.now)
    if search != nil { return .searching }
    if let known = names.known(at: address, turn.now) { return .known(known) }
    // Where nobody is there to be asked the search was over at once.
    return !mayAsk && peers.maySearchLater(for: address, at: turn.now) ? .notNow : .unknown
  }

  /// Forgets a name that was learned. Circuits stay. It returns false if there is none.
  public mutating func forgetName(at address: IPv6Address) -> Bool { names.forgetLearned(address) }

  /// Forgets all names that were learned, and returns how many.
  public mutating func forgetNames() -> Int {
    peers.forgetMisses()
    return names.forgetLearned()
  }

  /// A number that changes when a learned name comes or goes that is to be remembered.
  public var nameChanges: UInt64 { names.changes }

  /// The learned names that are to be remembered. `wallClock` is the time in seconds since 1970.
  public func rememberedNames(wallClock: Int64, at now: Instant) -> RememberedNames {
    names.remembered(of: settings.name.address, wallClock: wallClock, at: now)
  }

  /// Learns a name again that this identity has remembered, unless something is known of its address.
  public mutating func remember(_ name: RememberedName, wallClock: Int64, at now: Instant) {
    guard name.identity == settings.name.address else { return }
    names.restore(
      name.name, from: name.source, isReached: name.isReached, remaining: .seconds(name.expiry - max(0, wallClock)),
      at: now)
  }

  /// How often another name was told for an address whose name kept it.
  public var nameConflicts: UInt64 { out.counters[.nameConflict] }

  /// The address of this identity.
  public var ownAddress: IPv6Address { settings.name.address }

  /// The name of this identity, as one that is known.
  var knownOwnName: KnownName {
    KnownName(name: settings.name, source: .own, isReached: false, age: nil, expiry: nil)
  }
}
