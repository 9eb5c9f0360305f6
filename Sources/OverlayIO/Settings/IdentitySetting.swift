import OverlayCore

/// The value of `identity`: `NAME,listen=HOST:PORT[,mac=MAC][,lookup=HOST:PORT]`, what follows the name in any order.
struct IdentitySetting {
  /// The value as it was given.
  let given: GivenValue
  /// What the operator calls it.
  let label: Petname
  /// Where it listens.
  let listen: SocketAddress
  /// The LAN host that is given its address, if it is kept for one.
  let macAddress: MACAddress?
  /// Where it tells its name to those who look it up, if it does.
  let lookupListen: SocketAddress?

  /// Reads one value, unless it is in the way of one of `earlier`.
  static func read(
    _ given: GivenValue, after earlier: [IdentitySetting]
  ) throws(SettingValue.Refusal) -> IdentitySetting {
    let parts = given.text.split(separator: ",", omittingEmptySubsequences: false)
    guard let label = Petname(PastedName.trimmed(parts.first ?? "")) else {
      throw SettingValue.Refusal("1 to 63 letters, digits and inner hyphens are accepted as NAME")
    }
    let places = try IdentityPlaces.read(parts.dropFirst())
    guard let listen = places.listen else {
      throw SettingValue.Refusal("a listener of its own is needed: \(label),listen=HOST:PORT")
    }
    for identity in earlier {
      if identity.label == label { throw SettingValue.Refusal("'\(label)' is already given") }
      if identity.listen == listen {
        throw SettingValue.Refusal("\(listen) is the listener of '\(identity.label)'; each needs its own")
      }
      if let mac = places.macAddress, identity.macAddress == mac {
        throw SettingValue.Refusal("the host \(mac) is already given another identity")
      }
    }
    guard earlier.count < DaemonSettings.mostIdentities - 1 else {
      throw SettingValue.Refusal("at most \(DaemonSettings.mostIdentities - 1) identities are accepted")
    }
    return IdentitySetting(
      given: given, label: label, listen: listen, macAddress: places.macAddress, lookupListen: places.lookupListen)
  }
}

/// What may follow the name of an identity.
struct IdentityPlaces {
  /// Where it listens, if it says so itself.
  private(set) var listen: SocketAddress?
  /// The LAN host that is given its address, if it is kept for one.
  private(set) var macAddress: MACAddress?
  /// Where it tells its name to those who look it up, if it does.
  private(set) var lookupListen: SocketAddress?

  /// Reads `listen=HOST:PORT`, `mac=MAC` and `lookup=HOST:PORT`, each once at most and in any order.
  static func read(_ parts: ArraySlice<Substring>) throws(SettingValue.Refusal) -> IdentityPlaces {
    var places = IdentityPlaces()
    for part in parts {
      if part.hasPrefix("listen=") {
        guard places.listen == nil else { throw SettingValue.Refusal("'listen=' is accepted once") }
        places.listen = try SettingValue.internetAddress(String(part.dropFirst("listen=".count)))
      } else if part.hasPrefix("mac=") {
        guard places.macAddress == nil else { throw SettingValue.Refusal("'mac=' is accepted once") }
        places.macAddress = try SettingValue.hostMACAddress(String(part.dropFirst("mac=".count)))
      } else if part.hasPrefix("lookup=") {
        guard places.lookupListen == nil else { throw SettingValue.Refusal("'lookup=' is accepted once") }
        places.lookupListen = try SettingValue.internetAddress(String(part.dropFirst("lookup=".count)))
      } else {
        throw SettingValue.Refusal("after NAME, ',listen=HOST:PORT', ',mac=MAC' and ',lookup=HOST:PORT' are accepted")
      }
    }
    return places
  }
}
