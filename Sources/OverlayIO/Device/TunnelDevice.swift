import CLinux
import Glibc
import OverlayCore

/// The overlay's TUN or TAP device. One call moves one IP packet or one Ethernet frame, with the driver's header before
/// it if work is offloaded. The interface lives as long as this value.
public struct TunnelDevice: ~Copyable {
  /// The interface's name.
  public let name: String
  /// The kernel's number for the interface, which a rename does not change.
  public let index: Int32
  /// What the interface carries: IP packets, or Ethernet frames.
  public let mode: InterfaceMode
  /// The kernel's own address on it, if it carries Ethernet.
  public let hardwareAddress: MACAddress?
  /// What stands before each packet.
  let framing: TunnelFraming
  private let file: FileDescriptor
  private let runLimit: Int
  // The vectors of a write: the header, and then the runs.
  private let vectors: UnsafeMutableBufferPointer<iovec>
  private let header: UnsafeMutableRawBufferPointer

  /// The greatest number of bytes of a read: the header, an Ethernet header with two VLAN tags, and the longest packet,
  /// whatever the MTU is.
  public static let bufferSize = OffloadHeader.size + 14 + 2 * 4 + IPv6Header.largestPacket

  /// Whether super-packets and packets without a complete checksum are exchanged with the kernel.
  public var isOffloading: Bool { framing == .offload }

  /// The descriptor for the event loop, readable while a packet waits.
  public var descriptor: Int32 { file.number }

  init(
    attached file: consuming FileDescriptor, name: String, index: Int32, mode: InterfaceMode = .tun,
    framing: TunnelFraming, hardwareAddress: MACAddress? = nil
  ) {
    self.file = file
    self.name = name
    self.index = index
    self.mode = mode
    self.hardwareAddress = hardwareAddress
    self.framing = framing
    runLimit = mode == .tap ? 1 + PacketRuns.limit : PacketRuns.limit
    vectors = .allocate(capacity: 1 + runLimit)
    header = .allocate(byteCount: OffloadHeader.size, alignment: 2)
  }

  deinit {
    vectors.deallocate()
    header.deallocate()
  }

  /// Reads the next packet or frame that the kernel sends through the interface into `buffer`, which has at least
  /// `bufferSize` bytes.
  public func read(into buffer: UnsafeMutableRawBufferPointer) -> TunnelRead {
    let count: Int
    do throws(SystemError) {
      guard let result = try SystemCall.read(file.number, into: buffer, "read from the tunnel") else { return .nothing }
      count = min(result, buffer.count)
    } catch {
      // The driver returns EINVAL in place of a packet that its header cannot describe. An error that is not of the
      // moment means that the interface is gone.
      if framing.hasHeader, error.number == EINVAL { return .unusable }
      return error.isShortage || error.number == EIO ? .failed(error) : .gone(error)
    }
    guard framing.hasHeader else { return .packet(.none, 0..<count) }
    guard let header = OffloadHeader(loading: UnsafeRawBufferPointer(rebasing: buffer[..<count])) else {
      return .unusable
    }
    return .packet(header, OffloadHeader.size..<count)
  }

  /// Writes one IP packet, in at most `PacketRuns.limit` runs of bytes. The kernel does with it what `header` says. TAP
  /// takes a frame, whose Ethernet header is one further first run or the start of the first; the offsets of `header`
  /// count from the frame's start. If the device does not offload, a header that leaves something to be done is
  /// refused.
  public func write(
    _ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader
  ) -> TunnelWrite {
    guard let first = runs.first, runs.count <= runLimit, isOffloading || header == .none else {
      return .refused(SystemError(call: TunnelDevice.writing, number: EINVAL))
    }
    let number = file.number
    if runs.count == 1, !framing.hasHeader {
      return outcome { () throws(SystemError) in try SystemCall.write(number, first, TunnelDevice.writing) }
    }
    header.store(into: self.header, headerLength: headerLength(of: runs, header))
    vectors[0] = iovec(iov_base: self.header.baseAddress, iov_len: OffloadHeader.size)
    for (index, run) in runs.enumerated() {
      vectors[1 + index] = iovec(iov_base: UnsafeMutableRawPointer(mutating: run.baseAddress), iov_len: run.count)
    }
    let frame = UnsafeBufferPointer(rebasing: vectors[(framing.hasHeader ? 0 : 1)..<(1 + runs.count)])
    return outcome { () throws(SystemError) in try SystemCall.write(number, frame, TunnelDevice.writing) }
  }

  /// Returns the length of the packet's headers in bytes. They are in its first run, or in the one behind that of the
  /// Ethernet header.
  private func headerLength(
    of runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader
  ) -> UInt16 {
    guard mode == .tap, runs.count > 1, let checksum = header.checksum, Int(checksum.start) >= runs[0].count else {
      return header.headerLength(of: runs[0])
    }
    var inner = header
    inner.checksum?.start -= UInt16(truncatingIfNeeded: runs[0].count)
    let length = inner.headerLength(of: runs[1])
    return length == 0 ? 0 : length &+ UInt16(truncatingIfNeeded: runs[0].count)
  }

  private func outcome(of write: () throws(SystemError) -> Int?) -> TunnelWrite {
    do throws(SystemError) {
      return try write() == nil ? .refused(SystemError(call: TunnelDevice.writing, number: EAGAIN)) : .written
    } catch {
      return error.number == EBADFD ? .gone(error) : .refused(error)
    }
  }

  private static let writing = "write to the tunnel"
}

extension TunnelDevice: Pollable {}

extension TunnelDevice: PacketSink {
  /// Returns the outcome of a write. A packet that the kernel refuses is lost, as it would be on any link. A read tells
  /// that the device is gone.
  public func deliver(_ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader) -> Bool {
    write(runs, header) == .written
  }
}

/// What an interface carries.
public enum InterfaceMode: String, Hashable, Sendable, CaseIterable {
  /// IP packets.
  case tun
  /// Ethernet frames.
  case tap
}
