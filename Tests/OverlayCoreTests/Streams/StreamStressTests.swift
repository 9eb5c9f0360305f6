import Glibc
import Testing

@testable import OverlayCore

/// Packets of random sizes and flows, through a queue, a stream that is split and joined anywhere, and out again.
@Suite("A million packets")
struct StreamStressTests {
  // Without optimisation a third has to do.
  #if DEBUG
    private static let packetCount = 300_000
  #else
    private static let packetCount = 1_000_000
  #endif
  private static let flowCount = 40
  // The longest packet's worth of bytes that look like nothing; every packet holds a piece of them.
  private static let noise: [UInt8] = {
    var random = SeededGenerator(seed: 300)
    return random.bytes(2 * 65_536)
  }()
  // Nothing is dropped for its age.
  private static let patience = ControlledDelay.Pace(target: .seconds(3_600), interval: .seconds(3_600))
  private static let now = Instant(nanoseconds: 1_000_000_000)

  /// What stands in a packet, known from its flow and its number in it.
  private struct Content {
    let length: Int
    let offset: Int

    init(flow: Int, number: UInt32) {
      var random = SeededGenerator(seed: UInt64(flow) << 32 | UInt64(number))
      let bits = random.next()
      // Mostly what is seen on a network, now and then anything up to the longest there is.
      let least = 48
      switch bits & 0xff {
      case 0: length = least + Int(bits >> 8 & 0xffff) % (65_575 - least + 1)
      case 1..<128: length = 1_500
      default: length = least + Int(bits >> 8 & 0xffff) % 1_453
      }
      offset = Int(bits >> 32 & 0xffff)
    }
  }

  private static func write(flow: Int, number: UInt32, _ content: Content, into packet: UnsafeMutableRawBufferPointer) {
    noise.withUnsafeBytes {
      packet.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[content.offset..<content.offset + content.length]))
    }
    packet.storeBytes(of: UInt32(0x6000_0000).bigEndian, as: UInt32.self)
    packet.storeBytes(of: UInt16(content.length - 40).bigEndian, toByteOffset: 4, as: UInt16.self)
    packet[6] = 17
    // A flow has always the same addresses.
    noise.withUnsafeBytes { packet[8..<40].copyBytes(from: $0[..<32]) }
    packet.storeBytes(of: UInt32(flow), toByteOffset: 40, as: UInt32.self)
    packet.storeBytes(of: number, toByteOffset: 44, as: UInt32.self)
  }

  /// Whether a packet is what was sent, those bytes aside by which its flow and number were read.
  private static func isIntact(_ packet: UnsafeRawBufferPointer, _ content: Content) -> Bool {
    guard packet.count == content.length else { return false }
    return noise.withUnsafeBytes { noise in
      guard let ours = packet.baseAddress, let theirs = noise.baseAddress else { return false }
      return packet[6] == 17 && packet[7] == noise[content.offset + 7] && memcmp(ours + 8, theirs, 32) == 0
        && memcmp(ours + 48, theirs + content.offset + 48, content.length - 48) == 0
    }
  }

  /// From 1 byte to 64 KiB, every order of magnitude as often as another.
  private static func pieceSize(_ random: inout SeededGenerator) -> Int {
    let bits = random.next()
    let most = 1 << (Int(bits & 0xff) % 17)
    return 1 + Int(bits >> 8 & 0xffff) % most
  }

  /// Both ends of one circuit, and the bytes between.
  private struct Journey: ~Copyable {
    var random = SeededGenerator(seed: 301)
    var store = PacketStore()
    var queue = FlowQueue()
    var batch = WriteBatch()
    var defragmenter = Defragmenter()
    var wire: [UInt8] = []
    /// The number of each flow's next packet.
    var sent = [UInt32](repeating: 0, count: flowCount)
    var received = [UInt32](repeating: 0, count: flowCount)
    let runs = UnsafeMutableBufferPointer<UnsafeRawBufferPointer>.allocate(capacity: 64)

    deinit { runs.deallocate() }

    /// Queues a burst of packets, `most` of them at the most and never so many that some would be dropped.
    mutating func queueBurst(atMost most: Int) -> Int {
      guard queue.byteCount + batch.byteCount < FlowQueue.memoryLimit / 16 else { return 0 }
      let count = min(most, Int(random.next() & 0x3f))
      for _ in 0..<count {
        let flow = Int(random.next() & 0xffff) % flowCount
        let content = Content(flow: flow, number: sent[flow])
        guard let slot = store.lend(content.length) else {
          Issue.record("no room for a packet")
          return 0
        }
        write(flow: flow, number: sent[flow], content, into: store.room(slot))
        sent[flow] += 1
        let dropped = queue.append(
          slot, flow: PacketView(reading: store[slot].bytes)?.flow ?? 0, at: now, store: &store)
        precondition(dropped == 0)
      }
      return count
    }

    /// A socket that takes a part of what it is offered.
    mutating func transmit() {
      var delays = DelayHistogram()
      _ = queue.fill(
        &batch, bytes: 1 << 17, packets: runs.count, at: now, pace: patience, store: &store, delays: &delays)
      let count = batch.fill(runs, from: 0, store: store)
      let room = min(pieceSize(&random) * 4, batch.byteCount)
      var taken = 0
      for run in runs[..<count] where taken < room {
        let part = run.prefix(room - taken)
        wire.append(contentsOf: part)
        taken += part.count
      }
      batch.consume(taken, store: &store)
    }

    /// Reads what was transmitted in pieces of its own; how many packets came out as they were sent.
    mutating func receive() throws -> Int {
      var count = 0
      var at = 0
      while at < wire.count {
        let end = min(wire.count, at + pieceSize(&random))
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: end - at, alignment: 1)
        defer { piece.deallocate() }
        piece.copyBytes(from: wire[at..<end])
        var input = piece
        while let packet = try defragmenter.next(&input, store: &store) {
          let flow = Int(packet.loadUnaligned(fromByteOffset: 40, as: UInt32.self))
          let number = packet.loadUnaligned(fromByteOffset: 44, as: UInt32.self)
          guard flow < flowCount, number == received[flow],
            isIntact(UnsafeRawBufferPointer(packet), Content(flow: flow, number: number))
          else { throw Changed(flow: flow, number: number) }
          received[flow] += 1
          count += 1
        }
        defragmenter.finish(store: &store)
        at = end
      }
      wire.removeAll(keepingCapacity: true)
      return count
    }
  }

  private struct Changed: Error {
    let flow: Int
    let number: UInt32
  }

  @Test("come out of a stream that is split and joined anywhere, none lost, none changed, each flow in its order")
  func stress() throws {
    var journey = Journey()
    var left = Self.packetCount
    var arrived = 0
    while left > 0 || !journey.queue.isEmpty || !journey.batch.isEmpty {
      left -= journey.queueBurst(atMost: left)
      journey.transmit()
      arrived += try journey.receive()
    }
    let losses = journey.queue.takeLosses()
    let isComplete = !journey.defragmenter.isWithinPacket
    #expect((losses.aged, losses.marked) == (0, 0))
    #expect(arrived == Self.packetCount)
    #expect(journey.received == journey.sent)
    #expect(isComplete)
  }
}
