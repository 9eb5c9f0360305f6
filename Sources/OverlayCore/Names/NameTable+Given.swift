/// The names that this host's operator gives.
extension NameTable {
  /// Adds a name of the operator's configuration.
  mutating func configure(_ name: OnionName) { set(Local(name: name, isConfigured: true)) }

  /// Replaces the names of the operator's configuration. It returns the names that lost their address.
  mutating func replaceConfiguration(with names: [OnionName]) -> [OnionName] {
    let wanted = Set(names)
    let before = local.values.filter { $0.isConfigured && !wanted.contains($0.name) }.map(\.name)
    for name in before { forget(name.address) }
    var displaced: [OnionName] = []
    for name in names where !isKnown(name.address) {
      let (held, capabilities) = (self.name(of: name.address), capabilities(of: name))
      set(Local(name: name, isConfigured: true, capabilities: capabilities))
      if let held, held != name { displaced.append(held) }
    }
    return before.filter { name(of: $0.address) != $0 } + displaced
  }

  /// Replaces the names of the hosts file. It returns the names that lost their address to one of them, or are gone.
  mutating func replaceHosts(with names: HostNames) -> [OnionName] {
    let before = hosts.names.filter { local[$0.address]?.isConfigured != true && !onThisSide.contains($0.address) }
    hosts = names
    for (address, given) in local where !given.isConfigured && hostsName(of: address) != given.name {
      local[address] = nil
    }
    var gone: [OnionName] = []
    for name in hosts.names where !onThisSide.contains(name.address) {
      guard let held = learned.remove(name.address) else { continue }
      if held.name != name {
        gone.append(held.name)
      } else if let capabilities = held.capabilities {
        local[name.address] = Local(name: name, isConfigured: false, capabilities: capabilities)
      }
    }
    return gone + before.filter { name(of: $0.address) != $0 }
  }

  private mutating func set(_ given: Local) {
    forget(given.name.address)
    local[given.name.address] = given
  }
}
