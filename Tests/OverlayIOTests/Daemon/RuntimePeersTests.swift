import OverlayCore
import Testing

@testable import OverlayIO

@Suite("Peers that were added while the daemon runs")
struct RuntimePeersTests {
  @Test("reading the configuration again keeps them, and what is configured comes first")
  func reload() throws {
    let (alice, bob) = (try OnionName("7fd22jhmqgfl45j6"), try OnionName("wq52ql3uxgcxqjon"))
    var peers = RuntimePeers()
    peers.add(ConfiguredPeer(name: alice, petname: Petname("friend")))
    var settings = DaemonSettings(identities: [])
    #expect(peers.applied(to: settings).peers == [ConfiguredPeer(name: alice, petname: Petname("friend"))])
    settings.peers = [ConfiguredPeer(name: bob, petname: Petname("friend"))]
    #expect(peers.applied(to: settings).peers == settings.peers + [ConfiguredPeer(name: alice)])
    settings.peers = [ConfiguredPeer(name: alice, petname: Petname("other"))]
    #expect(peers.applied(to: settings).peers == settings.peers)
    peers.remove(alice)
    #expect(peers == RuntimePeers())
  }
}
