@testable import OverlayCore

/// Frames to test with, put together byte by byte; checksums by `NaiveChecksum`.
enum EthernetFrame {
  static func of(_ type: UInt16, _ payload: [UInt8], from: MACAddress, to: MACAddress) -> [UInt8] {
    mac(to) + mac(from) + [UInt8(type >> 8), UInt8(type & 0xff)] + payload
  }

  static func mac(_ address: MACAddress) -> [UInt8] {
    (0..<6).map { UInt8(truncatingIfNeeded: address.value >> UInt64(40 - 8 * $0)) }
  }

  static func ip(_ packet: [UInt8], from: MACAddress = LinkWorld.hostA, to: MACAddress = LinkWorld.mac) -> [UInt8] {
    of(packet[0] >> 4 == 4 ? 0x0800 : 0x86dd, packet, from: from, to: to)
  }

  /// What a message of neighbour discovery can say, right or wrong.
  struct Discovery {
    var type: UInt8 = 135
    var code: UInt8 = 0
    var flags: UInt8 = 0
    var hopLimit: UInt8 = 255
    var source = LinkWorld.own
    var destination: IPv6Address?
    var target = LinkWorld.peer
    var options: [UInt8]?
    var checksumError: UInt16 = 0
    var station = LinkWorld.hostA
    var receiver: MACAddress?
    var cut = 0

    /// The IPv6 packet.
    var packet: [UInt8] {
      let body = [type, code, 0, 0, flags, 0, 0, 0] + target.bytes
      let option: [UInt8] = [type == 135 ? 1 : 2, 1] + EthernetFrame.mac(station)
      var message = Array((body + (options ?? option)).dropLast(cut))
      let group = IPv6Address(high: 0xff02 << 48, low: 0x1_ff00_0000 | target.low & 0xff_ffff)
      let destination = destination ?? group
      let sum = NaiveChecksum.field(source: source, destination: destination, nextHeader: 58, message) ^ checksumError
      message[2] = UInt8(sum >> 8)
      message[3] = UInt8(sum & 0xff)
      var packet = Sample.packet(from: source, to: destination, nextHeader: 58, payload: message)
      packet[7] = hopLimit
      return packet
    }

    /// The frame.
    var frame: [UInt8] {
      let group = UInt64(packet[36...39].reduce(0) { $0 << 8 | UInt32($1) })
      let isGroup = packet[24] == 0xff
      let receiver = receiver ?? (isGroup ? MACAddress(value: 0x3333 << 32 | group) : LinkWorld.mac)
      return EthernetFrame.ip(packet, from: station, to: receiver)
    }
  }

  /// A neighbour solicitation: from `own` at host A for `peer`, unless changed.
  static func solicitation(_ change: (inout Discovery) -> Void = { _ in }) -> [UInt8] {
    var discovery = Discovery()
    change(&discovery)
    return discovery.frame
  }

  /// A neighbour advertisement to the link: of `own` at host A, solicited and overriding, unless changed.
  static func advertisement(_ change: (inout Discovery) -> Void = { _ in }) -> [UInt8] {
    var discovery = Discovery()
    discovery.type = 136
    discovery.flags = 0x60
    discovery.target = LinkWorld.own
    discovery.destination = LinkWorld.mac.linkLocalAddress
    change(&discovery)
    return discovery.frame
  }

  /// An ARP packet.
  static func arp(
    _ operation: UInt8, sender: (MACAddress, UInt32), target: (MACAddress, UInt32), to: MACAddress = .broadcast
  ) -> [UInt8] {
    let payload =
      [0, 1, 8, 0, 6, 4, 0, operation] + mac(sender.0) + big(sender.1) + mac(target.0) + big(target.1)
    return of(0x0806, payload, from: sender.0, to: to)
  }

  /// A sound IPv4 packet without a checksum.
  static func version4(from source: UInt32, to destination: UInt32, payload: Int = 8) -> [UInt8] {
    [0x45, 0, UInt8((20 + payload) >> 8), UInt8((20 + payload) & 0xff), 0, 0, 0, 0, 64, 17, 0, 0] + big(source)
      + big(destination) + [UInt8](repeating: 7, count: payload)
  }

  private static func big(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> UInt32($0)) }
  }
}

extension OffloadHeader {
  /// What stands before a frame whose packet's checksum is to be made.
  static func checksum(at start: UInt16, _ offset: UInt16) -> OffloadHeader {
    OffloadHeader(segmentation: .none, checksum: Checksum(start: start, offset: offset))
  }
}
