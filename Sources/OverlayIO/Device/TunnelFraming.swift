/// The header before each packet that is exchanged with the tunnel.
enum TunnelFraming: String, Equatable {
  /// Nothing.
  case bare
  /// The driver's header, which always says that nothing is left to be done: the kernel has the header, and refused
  /// every kind of offload.
  case emptyHeader
  /// The driver's header.
  case offload

  var hasHeader: Bool { self != .bare }
}
