import Glibc
import OverlayCore
import PacketSamples
import Testing

@testable import OverlayIO

/// Whether the descriptor became readable within this time.
func isReadable(_ descriptor: Int32, milliseconds: Int32 = 2000) -> Bool {
  var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
  return poll(&entry, 1, milliseconds) == 1
}

extension InterfaceMonitor {
  /// The changes up to `last`, or those of two seconds without it.
  mutating func changes(through last: InterfaceChange) -> [InterfaceChange] {
    var changes: [InterfaceChange] = []
    repeat {
      drain { changes.append($0) }
    } while !changes.contains(last) && isReadable(descriptor)
    return changes
  }
}

extension TunnelDevice {
  /// Writes one whole packet or frame to which nothing is left to be done.
  func write(_ packet: UnsafeRawBufferPointer) -> TunnelWrite {
    withUnsafePointer(to: packet) { write(UnsafeBufferPointer(start: $0, count: 1), .none) }
  }

  /// The kernel's address on an interface that carries Ethernet.
  func kernelAddress() throws -> MACAddress {
    let address = hardwareAddress
    return try #require(address)
  }

  /// What the kernel answers to an echo request, which is repeated for some seconds: it takes a new address into use in
  /// a task of its own, shortly after the address was set.
  func answer(to request: EchoPacket) -> EchoPacket? {
    for _ in 0..<100 {
      guard request.bytes.withUnsafeBytes({ write($0) }) == .written else { return nil }
      if let answer = nextEcho() { return answer }
    }
    return nil
  }

  /// The next echo that the kernel sends through the tunnel, without its other noise; `nil` after a short while.
  private func nextEcho() -> EchoPacket? {
    var buffer = [UInt8](repeating: 0, count: TunnelDevice.bufferSize)
    while isReadable(descriptor, milliseconds: 50) {
      guard case .packet(_, let range) = buffer.withUnsafeMutableBytes({ read(into: $0) }) else { return nil }
      if let echo = EchoPacket(Array(buffer[range])) { return echo }
    }
    return nil
  }
}
