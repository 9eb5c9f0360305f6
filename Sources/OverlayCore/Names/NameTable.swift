/// The name table tells which onion name an overlay address stands for, and how much that is trusted.
///
/// Learned names never displace those that come from this host, and are kept apart from them. A learned name makes way
/// to one from a better source, and while it is valid to no other, unless the last dial to it failed, or it is the mere
/// claim of a circuit that is closed and it was never reached. A name that Tor cannot dial is not learned. Learned
/// names are bounded, and names that were never reached have a bound of their own, so that a crowd of names that nobody
/// ever dialled displaces only itself: first the names whose circuits are closed make room, the longest closed first,
/// and then the name that was confirmed longest ago.
///
/// The names of the hosts file stay in the table of the file, which all identities share. What peers say of themselves
/// is kept beside it.
struct NameTable {
  /// The greatest number of learned names of a daemon, where nobody says otherwise.
  static let usualLimit = 10_000
  /// How many of them there may be to which no circuit was ever built.
  static let unreachedLimit = unreachedLimit(of: usualLimit)
  /// How many of them there may be to which a circuit was built.
  static let reachedLimit = usualLimit - unreachedLimit
  /// The time for which a learned name keeps its address against another.
  static let learnedValidity = Duration.seconds(2 * 60 * 60)
  /// The time after its validity for which a learned name is kept that is neither told nor reached.
  static let unreachableLimit = Duration.seconds(7 * 24 * 60 * 60)

  /// A name that this host's operator gave.
  struct Local {
    /// The name.
    let name: OnionName
    /// Whether it is of the configuration, and not of the hosts file.
    let isConfigured: Bool
    /// What its host has told of itself.
    var capabilities: Capabilities?

    /// Where it comes from.
    var source: Source { isConfigured ? .configuration : .hostsFile }
  }

  // Of the names of the hosts file only those about which something was noted. No address is in two of the three.
  var local: [IPv6Address: Local] = [:]
  var hosts = HostNames()
  var learned = LearnedNames()
  /// The number of open circuits that claim each name, whether or not it has its address.
  var claims: [OnionName: Int] = [:]
  private(set) var onThisSide: Set<IPv6Address>
  let unreachedLimit: Int
  let reachedLimit: Int

  /// Makes a table without names. It keeps so many learned names, and never has one for an address of `onThisSide`.
  init(
    besides onThisSide: Set<IPv6Address> = [], unreachedLimit: Int = NameTable.unreachedLimit,
    reachedLimit: Int = NameTable.reachedLimit
  ) {
    self.onThisSide = onThisSide
    self.unreachedLimit = unreachedLimit
    self.reachedLimit = reachedLimit
  }

  /// How many of so many learned names may be of hosts to which no circuit was ever built: one of five.
  static func unreachedLimit(of limit: Int) -> Int { limit / 5 }

  /// Sets the addresses of this host, which have no name here.
  mutating func set(onThisSide addresses: Set<IPv6Address>) {
    onThisSide = addresses
    for address in addresses { forget(address) }
  }

  /// The number of names that are known. It looks at every name that the operator gave.
  var count: Int {
    let twice = local.keys.count { hosts[$0] != nil }
    let hidden = onThisSide.count { hosts[$0] != nil }
    return local.count + learned.count + hosts.names.count - twice - hidden
  }

  /// Returns the name that `address` stands for; `nil` if none is known.
  func name(of address: IPv6Address) -> OnionName? { given(at: address)?.name ?? learned[address]?.name }

  /// Returns the name that can be dialled at `address`; `nil` if none is known, or only a learned one that is not valid
  /// any more, and was tried in vain. A name to which a circuit was once built is dialled whenever a packet wants it:
  /// it is a host's, and no other host has its address.
  func diallable(at address: IPv6Address, _ now: Instant) -> OnionName? {
    if let given = given(at: address) { return given.name }
    guard let record = learned[address] else { return nil }
    return record.hasFailed && !record.isReached && record.remaining(at: now) < .zero ? nil : record.name
  }

  /// Returns the name at `address` that others may be told, and whether it is known from this side; `nil` if there is
  /// none. Of learned names only those are told to which a circuit was built, and which are valid: what somebody claims
  /// goes no further.
  func tellable(at address: IPv6Address, _ now: Instant) -> (name: OnionName, isLocal: Bool)? {
    if let given = given(at: address) { return given.name.isVersion2 ? nil : (given.name, true) }
    guard let record = learned[address], record.isReached, !record.hasFailed, record.remaining(at: now) >= .zero else {
      return nil
    }
    return (record.name, false)
  }

  /// Returns whether the operator configured the peer with this address. A name in the hosts file, which can name
  /// thousands, does not count.
  func isKnown(_ address: IPv6Address) -> Bool { local[address]?.isConfigured == true }

  /// Returns the capabilities that the host with this name has told; `nil` if it has told nothing beyond its name.
  func capabilities(of name: OnionName) -> Capabilities? {
    if let local = local[name.address] { return local.name == name ? local.capabilities : nil }
    guard let record = learned[name.address], record.name == name else { return nil }
    return record.capabilities
  }

  /// Notes the capabilities that the host with this name has told.
  mutating func note(_ capabilities: Capabilities?, of name: OnionName) {
    if var given = given(at: name.address) {
      guard given.name == name, given.capabilities != capabilities else { return }
      given.capabilities = capabilities
      local[name.address] = given
    } else if let place = learned.find(name.address), learned[place].name == name {
      learned[place].capabilities = capabilities
    }
  }

  /// Returns what this host's operator gave for an address; `nil` if that is nothing.
  func given(at address: IPv6Address) -> Local? {
    local[address] ?? hostsName(of: address).map { Local(name: $0, isConfigured: false) }
  }

  /// Returns the name that the hosts file has for an address of another host.
  func hostsName(of address: IPv6Address) -> OnionName? { onThisSide.contains(address) ? nil : hosts[address] }

  /// Forgets what is known of an address, wherever it comes from. What the hosts file says stays.
  mutating func forget(_ address: IPv6Address) {
    local[address] = nil
    learned.remove(address)
  }
}
