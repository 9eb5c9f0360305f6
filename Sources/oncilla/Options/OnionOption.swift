import OverlayCore
import OverlayIO

/// The value of `--onion`: `NAME[,listen=HOST:PORT]`.
enum OnionOption {
  static func read(_ text: String) throws(Value.Refusal) -> (name: OnionName, listen: SocketAddress?) {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let name: OnionName
    do { name = try OnionName(parts.first ?? "") } catch { throw Value.Refusal(error.description) }
    var listen: SocketAddress?
    for part in parts.dropFirst() {
      guard part.hasPrefix("listen=") else { throw Value.Refusal("after NAME, ',listen=HOST:PORT' is accepted") }
      guard listen == nil else { throw Value.Refusal("'listen=' is accepted once") }
      listen = try Value.internetAddress(String(part.dropFirst("listen=".count)))
    }
    return (name, listen)
  }
}
