import OverlayCore

/// The value of `onion`: `NAME[,listen=HOST:PORT][,mac=MAC][,lookup=HOST:PORT]`, what follows the name in any order.
struct OnionSetting {
  /// The value as it was given.
  let given: GivenValue
  /// Who this host is.
  let name: OnionName
  /// The port that was given with the name.
  let port: UInt16?
  /// Where that one listens, if it says so itself.
  let listen: SocketAddress?
  /// The LAN host that is given its address, if it is kept for one.
  let macAddress: MACAddress?
  /// Where that one tells its name to those who look it up, if it says so itself.
  let lookupListen: SocketAddress?

  /// Reads one value, unless it is in the way of one of `earlier`.
  static func read(_ given: GivenValue, after earlier: [OnionSetting]) throws(SettingValue.Refusal) -> OnionSetting {
    let parts = given.text.split(separator: ",", omittingEmptySubsequences: false)
    let pasted: PastedName
    do { pasted = try PastedName(parts.first ?? "") } catch { throw SettingValue.Refusal(error.description) }
    let name = pasted.name
    let places = try IdentityPlaces.read(parts.dropFirst())
    for onion in earlier {
      if onion.name == name { throw SettingValue.Refusal("this identity is already given") }
      if onion.name.address == name.address {
        throw SettingValue.Refusal("\(onion.name) is already given and has the same address \(name.address)")
      }
      if let macAddress = places.macAddress, onion.macAddress == macAddress {
        throw SettingValue.Refusal("the host \(macAddress) is already given another identity")
      }
    }
    guard earlier.count < DaemonSettings.mostIdentities else {
      throw SettingValue.Refusal("at most \(DaemonSettings.mostIdentities) identities are accepted")
    }
    return OnionSetting(
      given: given, name: name, port: pasted.port, listen: places.listen, macAddress: places.macAddress,
      lookupListen: places.lookupListen)
  }
}
