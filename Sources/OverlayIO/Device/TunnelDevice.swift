import CLinux
import Glibc

/// What a read from the tunnel brought.
public enum TunnelRead: Equatable {
  /// A packet of this many bytes stands at the buffer's start. One longer than the buffer was cut by the kernel.
  case packet(Int)
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

/// The overlay's TUN device: one call moves one IP packet, without a header of the driver's before it. The interface
/// lives as long as this owner.
public struct TunnelDevice: ~Copyable {
  /// The interface's name.
  public let name: String
  /// The kernel's number for the interface, which a rename does not change.
  public let index: Int32
  private let file: FileDescriptor

  /// The node that tunnels are opened through; `Documentation/networking/tuntap.rst`.
  static let path = "/dev/net/tun"

  /// The driver's mode (`<linux/if_tun.h>`). `IFF_TUN_EXCL` refuses an interface that exists already: one that
  /// another program holds, or one that would outlive us.
  private static let mode = UInt16(IFF_TUN) | UInt16(IFF_NO_PI) | UInt16(IFF_TUN_EXCL)

  /// The descriptor for the event loop, readable while a packet waits.
  public var descriptor: Int32 { file.number }

  init(attached file: consuming FileDescriptor, name: String, index: Int32) {
    self.file = file
    self.name = name
    self.index = index
  }

  /// The node, opened: an interface attached to it will belong to the network namespace the thread is in now.
  static func openNode() throws(SystemError) -> FileDescriptor {
    try FileDescriptor("open \(path)") { open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC) }
  }

  /// Makes the interface and binds it to the open node.
  static func attach(_ node: borrowing FileDescriptor, name: String) throws(SystemError) {
    let number = node.number
    try SystemCall.perform("TUNSETIFF \(name)") { oncilla_tunnel_attach(number, name, mode) }
  }

  /// Takes the next packet that the kernel routed to the interface. A packet can have 65,575 bytes whatever the MTU.
  public func read(into buffer: UnsafeMutableRawBufferPointer) -> TunnelRead {
    let number = file.number
    do throws(SystemError) {
      let count = try SystemCall.attempt("read from the tunnel") {
        Glibc.read(number, buffer.baseAddress, buffer.count)
      }
      guard let count else { return .nothing }
      return .packet(min(count, buffer.count))
    } catch {
      // Nothing but an interface that is gone lets a read fail, and a reader that went on would spin.
      return .gone(error)
    }
  }

  /// Hands one whole IP packet to the kernel as if it had come in on the interface.
  public func write(_ packet: UnsafeRawBufferPointer) -> TunnelWrite {
    let number = file.number
    do throws(SystemError) {
      try SystemCall.perform("write to the tunnel") { Glibc.write(number, packet.baseAddress, packet.count) }
      return .written
    } catch {
      return error.number == EBADFD ? .gone(error) : .refused(error)
    }
  }
}
