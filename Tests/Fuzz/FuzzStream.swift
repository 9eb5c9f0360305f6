/// What a node sends on a circuit: the request to Tor, then whole packets, of which the first is a keepalive; or the
/// messages of a question to Tor, and nothing else.
struct FuzzStream {
  private var header: [UInt8] = []
  private var left = 0
  private var zeros = 0
  private var packets = 0

  /// Whether the request to Tor was sent.
  private(set) var isRequestWhole = false
  /// How many messages of a question were sent: its greeting, a user name, the name of a service.
  private(set) var questionMessages = 0

  mutating func take(_ bytes: UnsafeRawBufferPointer, isWithIPv4: Bool) {
    var rest = bytes[...]
    let isQuestion = questionMessages > 0 || !isRequestWhole && (header.first ?? rest.first) == 5
    if isQuestion { return takeQuestion(rest) }
    while !rest.isEmpty, !isRequestWhole {
      let byte = rest.removeFirst()
      header.append(byte)
      // The user identifier and the name end with a zero each.
      if header.count > 8, byte == 0 { zeros += 1 }
      guard zeros == 2 else { continue }
      check(header[0] == 4 && header[1] == 1, "no request to Tor")
      header = []
      isRequestWhole = true
    }
    while !rest.isEmpty {
      if left > 0 {
        let taken = min(left, rest.count)
        left -= taken
        rest = rest.dropFirst(taken)
        continue
      }
      header.append(rest.removeFirst())
      guard header.count == 7 else { continue }
      let length = header.withUnsafeBytes { try? PacketLength.read($0) } ?? 0
      check(length >= 20, "what was sent on a circuit is no packet")
      check(header[0] >> 4 == 6 || isWithIPv4, "an IPv4 packet was sent")
      if packets == 0 { check(header[0] >> 4 == 6 && header[6] == 59, "the first packet is no keepalive") }
      packets += 1
      left = length - header.count
      header = []
    }
  }
}

extension FuzzStream {
  /// Each message waits for the answer to the one before.
  private mutating func takeQuestion(_ bytes: UnsafeRawBufferPointer.SubSequence) {
    for byte in bytes {
      header.append(byte)
      check(header[0] == (questionMessages == 1 ? 1 : 5), "no message of a question")
      let size: Int? =
        switch questionMessages {
        case 0: 3
        case 1: header.count < 2 ? nil : 3 + Int(header[1])
        case 2: header.count < 5 ? nil : 7 + Int(header[4])
        default: 0
        }
      check(size != 0, "something follows a question")
      guard header.count == size else { continue }
      header = []
      questionMessages += 1
    }
  }
}

/// Where a node delivers packets: looks whether they are what this host may get.
struct FuzzDevice: PacketSink, PacketDevice {
  let settings: NodeSettings
  /// Whether it takes packets.
  var isUp = true

  mutating func deliver(_ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader) -> Bool {
    check(!runs.isEmpty && runs.count <= PacketRuns.limit, "\(runs.count) runs in a packet")
    guard let first = runs.first else { return false }
    let count = runs.reduce(0) { $0 + $1.count }
    var sum: UInt8 = 0
    for run in runs { for byte in run { sum &+= byte } }
    check(first.count >= 20, "a packet of \(first.count) bytes, \(sum)")
    if first[0] >> 4 == 6 {
      check(count == 40 + Int(first.number(at: 4)), "an IPv6 packet of a wrong length")
      check(first[6] != NextHeader.none, "a keepalive came to the device")
    } else {
      check(settings.carriesIPv4 && count == Int(first.number(at: 2)), "an IPv4 packet of a wrong length")
    }
    if let checksum = header.checksum {
      check(settings.isOffloading, "a device without offload is left a checksum")
      check(Int(checksum.start) + Int(checksum.offset) + 2 <= first.count, "a checksum beside the packet")
    } else {
      check(header.segmentation == .none, "a packet is cut without its checksum being made")
    }
    return isUp
  }
}
