/// What stands before each packet that is exchanged with the tunnel.
enum TunnelFraming: Equatable {
  /// Nothing.
  case bare
  /// The driver's header, which always says that nothing is left to do: the kernel took the header and refused the
  /// rest.
  case emptyHeader
  /// The driver's header.
  case offload

  var hasHeader: Bool { self != .bare }
}
