import OverlayCore
import Testing

@testable import OverlayIO

@Suite("What was dropped of a peer, as replies tell of it")
struct PeerDropsTests {
  @Test("what several identities dropped for the same reason is one number")
  func summed() {
    let dropped = PeerStatus.dropped([("doorClosed", 2), ("ipv4", 1), ("hopLimit", 4), ("doorClosed", 3)])
    #expect(dropped == ["door_closed": 5, "ipv4": 1, "hop_limit": 4])
  }
}
