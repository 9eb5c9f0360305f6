import Testing

@testable import OverlayCore

@Suite("A packet of which only a part has come")
struct PartialPacketTests {
  private let start = Instant(nanoseconds: 1_000_000_000_000)

  @Test("a pause does not count if much came after it, and counts if little did", arguments: [(2_048, 50), (10, 0)])
  func pause(_ bytes: Int, _ seconds: Int) {
    var packet = PartialPacket()
    #expect(packet.noteRead(of: 100, isNewPacket: false, isWithin: true, at: start) == true)
    packet.pauses(at: start + .seconds(10))
    packet.pauses(at: start + .seconds(20))
    #expect(packet.isHeldBack)
    packet.goesOn(at: start + .seconds(60))
    #expect(packet.isHeldBack, "it was not read yet")
    let now = start + .seconds(60)
    #expect(packet.noteRead(of: bytes, isNewPacket: false, isWithin: true, at: now) == false)
    #expect(!packet.isHeldBack)
    #expect(packet.began == start + .seconds(seconds))
  }

  @Test("the next packet begins anew, and after a whole one there is none")
  func next() {
    var packet = PartialPacket()
    #expect(packet.noteRead(of: 100, isNewPacket: false, isWithin: true, at: start) == true)
    let later = start + .seconds(10)
    #expect(packet.noteRead(of: 100, isNewPacket: true, isWithin: true, at: later) == true)
    #expect(packet.began == later)
    #expect(packet.noteRead(of: 100, isNewPacket: true, isWithin: false, at: later) == false)
    #expect(packet.began == nil)
  }
}
