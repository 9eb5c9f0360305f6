/// The device of a host: looks whether what is delivered is what this host, and its LAN, may get.
struct FuzzDevice: PacketSink {
  private let carriesIPv4: Bool
  private let isOffloading: Bool
  private let hasLink: Bool
  /// Whether it takes packets.
  var isUp = true
  /// How many were delivered.
  var frames = 0
  // What the service for names has answered.
  private var nameAnswer: [UInt8]?

  init(_ settings: FuzzSettings) {
    (carriesIPv4, isOffloading, hasLink) = (settings.carriesIPv4, settings.isOffloading, settings.hasLink)
  }

  /// Removes what the service for names has answered; `nil` if it has not.
  mutating func takeNameAnswer() -> [UInt8]? {
    defer { nameAnswer = nil }
    return nameAnswer
  }

  mutating func deliver(_ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader) -> Bool {
    frames += 1
    guard hasLink else {
      check(!runs.isEmpty && runs.count <= PacketRuns.limit, "\(runs.count) runs in a packet")
      take(runs[...], header)
      return isUp
    }
    guard runs.count > 1, let ethernet = EthernetHeader(runs[0]) else { fatalError("a frame without a header") }
    check(runs[0].count == EthernetHeader.size, "a packet begins with its frame")
    check(ethernet.source == FuzzLAN.mac, "a frame of another station")
    check(ethernet.type == EtherType.ipv6 || carriesIPv4, "a frame of IPv4")
    guard ethernet.type != EtherType.arp else { return isUp }
    guard let moved = header.moved(by: -EthernetHeader.size) else { fatalError("a checksum in the frame's header") }
    if runs.count == 2, runs[1].count > 44, runs[1][0] >> 4 == 6, runs[1].number(at: 40) == NameService.port,
      IPv6Header.source(in: runs[1]) == OverlayNetwork.tor.localResponder
    {
      nameAnswer = Array(runs[1])
    }
    take(runs.dropFirst(), moved)
    return isUp
  }

  private func take(_ runs: Slice<UnsafeBufferPointer<UnsafeRawBufferPointer>>, _ header: OffloadHeader) {
    let first = runs[runs.startIndex]
    let count = runs.reduce(0) { $0 + $1.count }
    var sum: UInt8 = 0
    for run in runs { for byte in run { sum &+= byte } }
    check(first.count >= 20, "a packet of \(first.count) bytes, \(sum)")
    if first[0] >> 4 == 6 {
      check(count == 40 + Int(first.number(at: 4)), "an IPv6 packet of a wrong length")
      check(first[6] != NextHeader.none, "a keepalive came to the device")
      let source = IPv6Header.source(in: first)
      check(!source.isMulticast && source.high | source.low >> 1 != 0, "a packet of nobody")
    } else {
      check(carriesIPv4 && count == Int(first.number(at: 2)), "an IPv4 packet of a wrong length")
    }
    if let checksum = header.checksum {
      check(isOffloading, "a device without offload is left a checksum")
      check(Int(checksum.start) + Int(checksum.offset) + 2 <= first.count, "a checksum beside the packet")
    } else {
      check(header.segmentation == .none, "a packet is cut without its checksum being made")
    }
  }
}
