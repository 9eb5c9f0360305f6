import Testing

@testable import OverlayCore

/// A queue with its store and its clock. Which flow a packet was added to is known by its bytes.
struct QueueBench: ~Copyable {
  /// How long the queue may stand if nothing else is said: for ever.
  static let patience = ControlledDelay.Pace(target: .seconds(1_000_000), interval: .seconds(1_000_000))

  var store = PacketStore()
  var queue = FlowQueue()
  var batch = WriteBatch()
  var now = Instant(nanoseconds: 1_000_000_000_000)
  // By 16 bytes of each packet, its source, which a random one has to itself.
  private var flows: [[UInt8]: UInt32] = [:]
  /// How many packets made room for newer ones.
  private(set) var overflow = 0
  /// How long packets waited that went to the write batch.
  private(set) var delays = DelayHistogram()

  struct UnknownPacket: Error {}

  /// Queues a packet.
  mutating func add(_ packet: [UInt8], flow: UInt32, isBound: Bool = false) throws {
    let slot = try store.lent(packet)
    flows[Array(packet[8..<24])] = flow % UInt32(FlowQueue.flowCount)
    overflow += queue.append(slot, flow: flow, isBound: isBound, at: now, store: &store)
  }

  /// Moves more packets into the write batch.
  @discardableResult
  mutating func fillBatch(
    for lane: Int = 0, bytes: Int, packets: Int = .max, pace: ControlledDelay.Pace = patience
  ) -> Int {
    queue.fill(
      &batch, for: lane, bytes: bytes, packets: packets, at: now, pace: pace, store: &store, delays: &delays)
  }

  /// So many bytes were written.
  mutating func consume(_ count: Int) {
    batch.consume(count, store: &store)
  }

  /// The write batch, in `capacity` places of which the first `index` are taken.
  func runs(capacity: Int, from index: Int) -> [[UInt8]] {
    withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: max(capacity, 1)) { buffer in
      let places = UnsafeMutableBufferPointer(rebasing: buffer[..<capacity])
      let end = batch.fill(places, from: index, store: store)
      return places[index..<end].map { Array($0) }
    }
  }

  /// Moves `bytes` bytes into the write batch and writes up to `count` of them; if `isWhole`, the whole batch.
  mutating func take(
    _ count: Int, for lane: Int = 0, batch bytes: Int = .max, isWhole: Bool = false,
    pace: ControlledDelay.Pace = patience
  ) -> [UInt8] {
    fillBatch(for: lane, bytes: bytes, pace: pace)
    let most = isWhole ? batch.byteCount : min(count, batch.byteCount)
    var taken: [UInt8] = []
    taken.reserveCapacity(most)
    withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: 10_000) { runs in
      let end = batch.fill(runs, from: 0, store: store)
      for run in runs[..<end] where taken.count < most { taken += run.prefix(most - taken.count) }
    }
    consume(taken.count)
    return taken
  }

  /// All whole packets that are left.
  mutating func popAll() -> [[UInt8]] {
    var packets: [[UInt8]] = []
    while let slot = batch.popWhole(store: &store) ?? queue.popAny(store: &store) {
      packets.append(Array(store[slot].bytes))
      store.takeBack(slot)
    }
    return packets
  }

  /// The packets of a stream by the queue's flows; throws if there is anything else.
  func sort(_ stream: [UInt8]) throws -> [UInt32: [[UInt8]]] {
    var sorted: [UInt32: [[UInt8]]] = [:]
    var rest = stream[...]
    while !rest.isEmpty {
      guard let length = try rest.prefix(6).withUnsafeBytes({ try PacketLength.read($0) }), length <= rest.count,
        let flow = flows[Array(rest.dropFirst(8).prefix(16))]
      else { throw UnknownPacket() }
      sorted[flow, default: []].append(Array(rest.prefix(length)))
      rest = rest.dropFirst(length)
    }
    return sorted
  }
}
