import OverlayCore

/// The result of a read from the tunnel.
public enum TunnelRead: Equatable {
  /// A packet in this range of the buffer, and what is left to be done to it. The kernel cuts a packet that does not
  /// fit.
  case packet(OffloadHeader, Range<Int>)
  /// A packet of a kind that the kernel was not asked for. It is lost.
  case unusable
  /// No packet waits.
  case nothing
  /// The kernel could not hand over a packet, and may hand over the next: ENOMEM or ENOBUFS if memory is short, EIO.
  case failed(SystemError)
  /// The device is of no further use: EBADFD once the interface was deleted.
  case gone(SystemError)
}

/// The result of a write to the tunnel.
public enum TunnelWrite: Equatable {
  /// The kernel took the packet.
  case written
  /// The kernel dropped this packet and may take the next: EIO while the link is down, EINVAL for bytes that are no IP
  /// packet, EAGAIN or ENOBUFS if memory is short.
  case refused(SystemError)
  /// The device is of no further use: EBADFD once the interface was deleted.
  case gone(SystemError)
}
