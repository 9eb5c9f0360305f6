import OverlayCore

extension CircuitEnd {
  /// Makes the end of a circuit whose connection to the SOCKS server failed: mostly nobody listens, but the error may
  /// also be a shortage of this host.
  init(connecting error: SystemError) {
    self = error.isShortage ? .failure("\(error)") : .torUnreachable
  }
}
