import OverlayCore
import PacketSamples
import Testing

@Suite("Joined and split again")
struct JoinAndSplitTests {
  /// A sender that mostly sends plain data, and now and then something else.
  private struct Sender {
    let port: UInt16
    let segmentSize = [100, 536, 1_428].randomElement() ?? 1_428
    var sequence = UInt32.random(in: .min ... .max)
    var acknowledgement: UInt32 = 1
    var clock: UInt8 = 0
    var hasTimestamps = Bool.random()

    mutating func next() -> [UInt8] {
      let isOdd = Int.random(in: 0..<12) == 0
      let count = isOdd ? Int.random(in: 0...segmentSize) : segmentSize
      if Int.random(in: 0..<10) == 0 { acknowledgement &+= 100 }
      if Int.random(in: 0..<10) == 0 { clock &+= 1 }
      var packet = SamplePacket.tcp(SamplePacket.payload(count, seed: Int(sequence & 0xffff))) { tcp in
        tcp.sourcePort = port
        tcp.sequence = sequence
        tcp.acknowledgement = acknowledgement
        tcp.options = hasTimestamps ? SamplePacket.TCP.timestamps(clock, 0) : []
        if isOdd { tcp.flags = [0x18, 0x11, 0x10, 0x50, 0x90, 0x30, 0x12, 0x14].randomElement() ?? 0x10 }
      }
      if Int.random(in: 0..<40) == 0 { packet.trafficClass = 3 }
      if Int.random(in: 0..<40) == 0 { packet.checksum = .wrong }
      if Int.random(in: 0..<40) == 0 { packet.extensions = SamplePacket.padding }
      // Lost on the way, or sent again.
      sequence &+= Int.random(in: 0..<30) == 0 ? 0 : UInt32(count)
      return packet.bytes
    }
  }

  @Test(
    "interleaved streams come out as they went in, packet for packet within each flow", arguments: [1, 2, 5, 8, 12])
  func streams(flowCount: Int) {
    var senders = (0..<flowCount).map { Sender(port: UInt16($0)) }
    var sink = CollectingSink()
    var joiner = SegmentJoiner()
    var sent: [[UInt8]] = []
    for _ in 0..<8 {
      var batch: [[UInt8]] = []
      while batch.count < 60 {
        let sender = Int.random(in: 0..<flowCount)
        for _ in 0..<Int.random(in: 1...6) { batch.append(senders[sender].next()) }
      }
      withBatch(of: batch) { packet in
        _ = joiner.add(packet, egressMTU: 1_500, to: &sink)
      } end: {
        _ = joiner.flush(to: &sink)
      }
      sent += batch
    }
    let received = sink.packets
    #expect(received.count == sent.count)
    #expect(sink.frames.count < sent.count)
    for flow in 0..<flowCount {
      #expect(received.filter { port(of: $0) == flow } == sent.filter { port(of: $0) == flow })
    }
  }

  private func port(of packet: [UInt8]) -> Int {
    let start = packet[6] == 6 ? 40 : 64
    return Int(packet[start]) << 8 | Int(packet[start + 1])
  }
}
