import OverlayCore
import OverlayIO

/// The value of `--onion`: `NAME[,listen=HOST:PORT][,mac=MAC]`, what follows the name in any order.
struct OnionOption {
  /// The value as it was given.
  let text: String
  /// Who this host is.
  let name: OnionName
  /// The port that was given with the name.
  let port: UInt16?
  /// Where that one listens, if it says so itself.
  let listen: SocketAddress?
  /// The LAN host that is given its address, if it is kept for one.
  let macAddress: MACAddress?

  /// Reads one value, unless it is in the way of one of `earlier`.
  static func read(_ text: String, after earlier: [OnionOption]) throws(Value.Refusal) -> OnionOption {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let pasted: PastedName
    do { pasted = try PastedName(parts.first ?? "") } catch { throw Value.Refusal(error.description) }
    let name = pasted.name
    var listen: SocketAddress?
    var macAddress: MACAddress?
    for part in parts.dropFirst() {
      if part.hasPrefix("listen=") {
        guard listen == nil else { throw Value.Refusal("'listen=' is accepted once") }
        listen = try Value.internetAddress(String(part.dropFirst("listen=".count)))
      } else if part.hasPrefix("mac=") {
        guard macAddress == nil else { throw Value.Refusal("'mac=' is accepted once") }
        macAddress = try Value.hostMACAddress(String(part.dropFirst("mac=".count)))
      } else {
        throw Value.Refusal("after NAME, ',listen=HOST:PORT' and ',mac=MAC' are accepted")
      }
    }
    for onion in earlier {
      if onion.name == name { throw Value.Refusal("this identity is already given") }
      if onion.name.address == name.address {
        throw Value.Refusal("\(onion.name) is already given and has the same address \(name.address)")
      }
      if let macAddress, onion.macAddress == macAddress {
        throw Value.Refusal("the host \(macAddress) is already given another identity")
      }
    }
    guard earlier.count < DaemonSettings.mostIdentities else {
      throw Value.Refusal("at most \(DaemonSettings.mostIdentities) identities are accepted")
    }
    return OnionOption(text: text, name: name, port: pasted.port, listen: listen, macAddress: macAddress)
  }
}
