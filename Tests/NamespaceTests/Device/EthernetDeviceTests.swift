import Glibc
import OverlayCore
import PacketSamples
import Testing

@testable import OverlayIO

@Suite("The device as TAP")
struct EthernetDeviceTests {
  private let here = IPv6Address.overlay(1)
  private let there = IPv6Address.overlay(2)
  /// The other station on the link, which the tests play.
  private let station = "02:00:00:00:00:02"

  private func tunnel(in namespace: TestNamespace, offload: Bool) throws -> TunnelDevice {
    var settings = try namespace.settings(offload: offload)
    settings.mode = .tap
    var privileges = try Privileges(settings)
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([here]))
    try namespace.ip("-6", "neigh", "add", "\(there)", "lladdr", station, "dev", tunnel.name)
    return tunnel
  }

  /// An Ethernet header from the station to the kernel.
  private func header(to tunnel: borrowing TunnelDevice) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 14)
    let (kernel, station) = (try tunnel.kernelAddress(), try #require(MACAddress(station)))
    bytes.withUnsafeMutableBytes { bytes in
      kernel.store(into: bytes, at: 0)
      station.store(into: bytes, at: 6)
      bytes.storeBytes(of: UInt16(0x86dd).bigEndian, toByteOffset: 12, as: UInt16.self)
    }
    return bytes
  }

  /// Writes a frame whose Ethernet header is a run of its own, and each other part one, too.
  private func write(
    _ parts: [[UInt8]], _ header: OffloadHeader = .none, to tunnel: borrowing TunnelDevice
  ) -> TunnelWrite {
    let memory = parts.map { part in
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: part.count, alignment: 1)
      copy.copyBytes(from: part)
      return copy
    }
    defer { for part in memory { part.deallocate() } }
    return memory.map { UnsafeRawBufferPointer($0) }.withUnsafeBufferPointer { tunnel.write($0, header) }
  }

  /// The next frame for the station that carries IPv6 of this kind.
  private func next(from tunnel: borrowing TunnelDevice, nextHeader: UInt8) -> (header: OffloadHeader, bytes: [UInt8])?
  {
    var buffer = [UInt8](repeating: 0, count: TunnelDevice.bufferSize)
    while isReadable(tunnel.descriptor) {
      guard case .packet(let header, let range) = buffer.withUnsafeMutableBytes({ tunnel.read(into: $0) }) else {
        return nil
      }
      let bytes = Array(buffer[range])
      if bytes.count > 54, bytes[..<6].elementsEqual([2, 0, 0, 0, 0, 2]), bytes[20] == nextHeader {
        return (header, bytes)
      }
    }
    return nil
  }

  @Test("frames go both ways with and without offload", arguments: [true, false])
  func echo(offload: Bool) throws {
    let namespace = try TestNamespace()
    let tunnel = try tunnel(in: namespace, offload: offload)
    let (mode, isOffloading) = (tunnel.mode, tunnel.isOffloading)
    #expect(mode == .tap)
    #expect(isOffloading == offload)
    let request = EchoPacket(.request, from: there, to: here, payload: Array("oncilla".utf8))
    let ethernet = try header(to: tunnel)
    var answer: EchoPacket?
    // The kernel takes a new address into use in a task of its own.
    for _ in 0..<100 where answer == nil {
      #expect(write([ethernet, request.bytes], to: tunnel) == .written)
      if isReadable(tunnel.descriptor, milliseconds: 50) {
        answer = next(from: tunnel, nextHeader: 58).flatMap { EchoPacket(Array($0.bytes[14...])) }
      }
    }
    #expect(answer == EchoPacket(.reply, from: here, to: there, payload: request.payload))
  }

  /// A TUN interface of the same kernel without offload.
  private func back(in namespace: TestNamespace) throws -> TunnelDevice {
    var address = KernelRouter.destination
    let settings = try namespace.settings(
      prefix: try #require(IPv6Prefix(address, length: 48)), offload: false, interface: "back0")
    var privileges = try Privileges(settings)
    let back = try privileges.openTunnel()
    address.low = 1
    _ = try privileges.perform(.configureInterface([address]))
    return back
  }

  // Without a link-local address to send it from there is none, and what comes from a LAN behind is lost.
  @Test("the kernel solicits for what it forwards")
  func solicits() throws {
    let namespace = try TestNamespace()
    try namespace.execute("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
    let tunnel = try tunnel(in: namespace, offload: true)
    let back = try back(in: namespace)
    let wanted = IPv6Address.overlay(0x77)
    let packet = EchoPacket(.request, from: KernelRouter.destination, to: wanted, payload: [])
    #expect(packet.bytes.withUnsafeBytes { back.write($0) } == .written)
    var buffer = [UInt8](repeating: 0, count: TunnelDevice.bufferSize)
    var solicited: [[UInt8]] = []
    while solicited.isEmpty, isReadable(tunnel.descriptor) {
      guard case .packet(_, let range) = buffer.withUnsafeMutableBytes({ tunnel.read(into: $0) }) else { break }
      let frame = Array(buffer[range])
      if frame.count >= 78, frame[20] == 58, frame[54] == 135 { solicited.append(Array(frame[62..<78])) }
    }
    #expect(solicited == [wanted.bytes])
  }

  @Test("a super-packet whose headers stand behind that of Ethernet is cut by the kernel as it should be")
  func segments() throws {
    let namespace = try TestNamespace()
    try namespace.execute("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
    let tunnel = try tunnel(in: namespace, offload: true)
    // Out again by a device that takes no super-packets.
    let back = try back(in: namespace)

    var packet = SamplePacket.tcp(SamplePacket.payload(20_000))
    packet.destination = KernelRouter.destination
    packet.checksum = .partial
    var offload = packet.offload(size: 1_428)
    offload.checksum?.start += 14
    let bytes = packet.bytes
    let runs = [try header(to: tunnel), Array(bytes[..<100]), Array(bytes[100..<9_000]), Array(bytes[9_000...])]
    #expect(write(runs, offload, to: tunnel) == .written)
    var sizes: [Int] = []
    var buffer = [UInt8](repeating: 0, count: TunnelDevice.bufferSize)
    while isReadable(back.descriptor, milliseconds: sizes.count < 15 ? 2_000 : 20) {
      guard case .packet(_, let range) = buffer.withUnsafeMutableBytes({ back.read(into: $0) }) else { break }
      if buffer[range.lowerBound + 6] == 6 { sizes.append(range.count) }
    }
    #expect(sizes.count == 15)
    #expect(Set(sizes.dropLast()) == [1_500])
  }

  @Test("one run more than with TUN is taken, for the Ethernet header, and not two")
  func runs() throws {
    let namespace = try TestNamespace()
    let tunnel = try tunnel(in: namespace, offload: true)
    let ethernet = try header(to: tunnel)
    let bytes = SamplePacket.udp(SamplePacket.payload(100)).bytes
    let outcomes = [1, 64, 65].map { count in
      let parts = (0..<count).map { $0 + 1 == count ? Array(bytes[$0...]) : [bytes[$0]] }
      return write([ethernet] + parts, to: tunnel) == .written
    }
    #expect(outcomes == [true, true, false])
  }

  @Test("what is shorter than an Ethernet header is refused, and the device goes on")
  func runt() throws {
    let namespace = try TestNamespace()
    let tunnel = try tunnel(in: namespace, offload: true)
    let outcome = write([[1, 2, 3]], to: tunnel)
    #expect(outcome == .refused(SystemError(call: "write to the tunnel", number: EINVAL)))
  }
}
