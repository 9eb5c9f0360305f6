import Testing

@testable import OverlayCore

@Suite("Packet store")
struct PacketStoreTests {
  @Test(
    "a packet takes the smallest of six places that it fits into",
    arguments: [
      (0, 2_048), (40, 2_048), (2_048, 2_048), (2_049, 4_096), (4_096, 4_096), (4_097, 8_192), (8_193, 16_384),
      (16_384, 16_384), (16_385, 32_768), (32_768, 32_768), (32_769, 65_600), (65_536, 65_600), (65_575, 65_600),
    ])
  func sizes(_ length: Int, _ size: Int) throws {
    var store = PacketStore()
    let slot = try store.lent(length)
    #expect(store.size(of: slot) == size)
    #expect(store.byteCount == size)
    #expect(store.room(slot).count == length)
    #expect(store[slot].length == length)
    #expect(store[slot].bytes.count == length)
    #expect(store[slot].next == .none)
  }

  @Test("what is given back is lent again, small for small and large for large, with nothing left of its list")
  func reuse() throws {
    var store = PacketStore()
    let small = try store.lent(100)
    let large = try store.lent(60_000)
    store[small].next = large
    store.takeBack(small)
    store.takeBack(large)
    let memory = store.byteCount
    #expect(store.keptBytes == memory)
    let otherLarge = try store.lent(65_575)
    let otherSmall = try store.lent(1)
    #expect(otherLarge == large)
    #expect(otherSmall == small)
    #expect(store[otherSmall].next == .none)
    #expect(store.room(otherSmall).count == 1)
    #expect(store.byteCount == memory)
    #expect(store.keptBytes == 0)
  }

  @Test("64 MiB are lent at the most, and room that was given back can be lent again")
  func bound() {
    var store = PacketStore()
    var slots: [PacketStore.Slot] = []
    while let slot = store.lend(65_575) { slots.append(slot) }
    #expect(slots.count == (64 << 20) / 65_600)
    while let slot = store.lend(40) { slots.append(slot) }
    #expect(store.byteCount <= PacketStore.byteLimit)
    #expect(store.byteCount > PacketStore.byteLimit - 2_048)
    store.takeBack(slots.removeFirst())
    let isThereRoom = [store.lend(65_575) != nil, store.lend(65_575) != nil]
    #expect(isThereRoom == [true, false])
  }

  @Test("what is kept for packets of one length makes way for packets of another")
  func keptMakesRoom() throws {
    var store = PacketStore(byteLimit: 1 << 20)
    let small = (0..<512).compactMap { _ in store.lend(100) }
    #expect(small.count == 512)
    #expect(store.lend(100) == nil)
    for slot in small { store.takeBack(slot) }
    #expect(store.keptBytes == 1 << 20)
    let large = (0..<20).compactMap { _ in store.lend(60_000) }
    #expect(large.count == (1 << 20) / 65_600)
    #expect(store.byteCount == large.count * 65_600)
    #expect(store.keptBytes == 0)
  }

  @Test("whoever asks for room may have to leave some, kept room included")
  func reserve() throws {
    var store = PacketStore(byteLimit: 10_000)
    #expect(store.lend(100, leaving: 8_000) == nil)
    let slot = try store.lent(100)
    store.takeBack(slot)
    #expect(store.lend(100, leaving: 7_953) == nil)
    #expect(store.lend(100, leaving: 7_952) == slot)
    #expect(store.lend(100, leaving: 7_952) == nil)
    #expect(store.lentBytes == 2_048)
  }

  @Test("of what is given back 512 small and fewer of the larger places are kept, and nothing that is lent is freed")
  func kept() throws {
    var store = PacketStore()
    let small = (0..<700).compactMap { _ in store.lend(100) }
    for slot in small.prefix(512) { store.takeBack(slot) }
    #expect(store.hasFreedMemory == false)
    for slot in small.dropFirst(512) { store.takeBack(slot) }
    #expect(store.keptBytes == 512 * 2_048)
    #expect(store.byteCount == 512 * 2_048)
    #expect(store.hasFreedMemory == true)
    store.hasFreedMemory = false
    for length in [4_000, 8_000, 10_000, 20_000, 60_000] {
      let slots = (0..<70).compactMap { _ in store.lend(length) }
      for slot in slots { store.takeBack(slot) }
    }
    let larger = 64 * 4_096 + 32 * 8_192 + 32 * 16_384 + 16 * 32_768 + 16 * 65_600
    #expect(store.keptBytes == 512 * 2_048 + larger)
    #expect(store.hasFreedMemory == true)
    let lent = try store.lent(100)
    store.room(lent).copyBytes(from: [UInt8](repeating: 7, count: 100))
    store.releaseKept()
    #expect(store.keptBytes == 0)
    #expect(store.byteCount == 2_048)
    let isSame = store[lent].bytes.allSatisfy { $0 == 7 }
    #expect(isSame)
    store.takeBack(lent)
    store.releaseKept()
    #expect(store.byteCount == 0)
    let again = try store.lent(100)
    #expect(store.size(of: again) == 2_048)
  }

  @Test("packets keep their bytes, whatever is lent and given back around them", arguments: 0..<4 as Range<UInt64>)
  func model(_ seed: UInt64) {
    var random = SeededGenerator(seed: 400 + seed)
    var store = PacketStore()
    var lent: [(slot: PacketStore.Slot, content: [UInt8])] = []
    for step in 0..<3_000 {
      if Int.random(in: 0..<100, using: &random) < 52 || lent.isEmpty {
        let isLarge = Int.random(in: 0..<10, using: &random) == 0
        let length = Int.random(in: isLarge ? 2_049...65_575 : 1...2_048, using: &random)
        guard let slot = store.lend(length) else {
          Issue.record("no room at step \(step)")
          return
        }
        let content = random.bytes(length)
        store.room(slot).copyBytes(from: content)
        lent.append((slot, content))
      } else {
        let (slot, content) = lent.remove(at: Int.random(in: lent.indices, using: &random))
        let isSame = store[slot].bytes.elementsEqual(content)
        #expect(isSame, "step \(step)")
        store.takeBack(slot)
      }
      if step % 500 == 0 { store.releaseKept() }
      let needed = lent.reduce(0) { $0 + store.size(of: $1.slot) }
      #expect(store.byteCount == needed + store.keptBytes, "step \(step)")
    }
  }
}

extension PacketStore {
  struct NoRoom: Error {}

  /// Room that there must be.
  mutating func lent(_ length: Int) throws -> Slot {
    guard let slot = lend(length) else { throw NoRoom() }
    return slot
  }

  /// Room that holds `packet`.
  mutating func lent(_ packet: [UInt8]) throws -> Slot {
    let slot = try lent(packet.count)
    room(slot).copyBytes(from: packet)
    return slot
  }
}
