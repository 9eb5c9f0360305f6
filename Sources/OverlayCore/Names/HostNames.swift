/// The names of a hosts file, by address. Copies share their memory: all identities of a daemon have one.
public struct HostNames: Sendable {
  private var byAddress: [IPv6Address: OnionName] = [:]

  /// These names; of two with one address the first.
  public init(_ names: [OnionName] = []) {
    byAddress.reserveCapacity(names.count)
    for name in names where byAddress[name.address] == nil { byAddress[name.address] = name }
  }

  /// All names, in no order.
  var names: some Collection<OnionName> { byAddress.values }

  /// The name that `address` stands for, if there is one.
  subscript(address: IPv6Address) -> OnionName? { byAddress[address] }
}
