import OverlayCore

/// What a read from the tunnel brought.
public enum TunnelRead: Equatable {
  /// A packet, which has this place in the buffer, and what is left to be done to it. One that did not fit into the
  /// buffer was cut by the kernel.
  case packet(OffloadHeader, Range<Int>)
  /// A packet of a kind that the kernel was not asked for; it is lost.
  case unusable
  /// No packet waits.
  case nothing
  /// The device is of no further use: EBADFD once the interface was deleted.
  case gone(SystemError)
}

/// What became of a packet written to the tunnel.
public enum TunnelWrite: Equatable {
  /// The kernel took it.
  case written
  /// The kernel dropped this packet and may take the next: EIO while the link is down, EINVAL for what is no IP
  /// packet, EAGAIN or ENOBUFS where memory is short.
  case refused(SystemError)
  /// The device is of no further use: EBADFD once the interface was deleted.
  case gone(SystemError)
}
