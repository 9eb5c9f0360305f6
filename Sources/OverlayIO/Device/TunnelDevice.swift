import CLinux
import Glibc
import OverlayCore

/// The overlay's TUN or TAP device: one call moves one IP packet, or one Ethernet frame, before which stands the
/// driver's header where the kernel leaves work to us and we to it. The interface lives as long as this owner.
public struct TunnelDevice: ~Copyable {
  /// The interface's name.
  public let name: String
  /// The kernel's number for the interface, which a rename does not change.
  public let index: Int32
  /// What it carries: IP packets, or Ethernet frames.
  public let mode: InterfaceMode
  /// The kernel's own address on it, if it carries Ethernet.
  public let hardwareAddress: MACAddress?
  private let framing: TunnelFraming
  private let file: FileDescriptor
  private let runLimit: Int
  // What a write hands to the kernel: the runs, with the header in front of them.
  private let vectors: UnsafeMutableBufferPointer<iovec>
  private let header: UnsafeMutableRawBufferPointer

  /// How many bytes a read may bring: the header, an Ethernet header with two VLAN tags, and the longest packet,
  /// whatever the MTU.
  public static let bufferSize = OffloadHeader.size + 14 + 2 * 4 + IPv6Header.largestPacket

  /// Whether the kernel hands over super-packets and unfinished checksums, and takes them.
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
      // So the driver answers instead of a packet that its header has no words for. Nothing else but an interface that
      // is gone lets a read fail, and a reader that went on would spin.
      return framing.hasHeader && error.number == EINVAL ? .unusable : .gone(error)
    }
    guard framing.hasHeader else { return .packet(.none, 0..<count) }
    guard let header = OffloadHeader(loading: UnsafeRawBufferPointer(rebasing: buffer[..<count])) else {
      return .unusable
    }
    return .packet(header, OffloadHeader.size..<count)
  }

  /// Hands one IP packet, in at most `PacketRuns.limit` runs of bytes, to the kernel, which does with it what `header`
  /// says. TAP takes a frame, whose Ethernet header is one further first run or the beginning of the first; `header`
  /// counts from the frame's begin. Where the device does not offload, the kernel can only be told of nothing, and
  /// other packets are refused.
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

  /// How many bytes of headers the packet begins with: they stand in its first run, or in the one behind an Ethernet
  /// header's.
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
  /// Writes the packet; one that the kernel refuses is lost, as it would be on any link. That the device is gone is
  /// found by reading.
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
