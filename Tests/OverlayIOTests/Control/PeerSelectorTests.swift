import OverlayCore
import Testing

@testable import OverlayIO

@Suite("How the operator names a peer")
struct PeerSelectorTests {
  static let version3 = "657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd"
  let peers: [ConfiguredPeer]

  init() throws {
    peers = [
      ConfiguredPeer(name: try OnionName(PeerSelectorTests.version3), petname: Petname("alice")),
      ConfiguredPeer(name: try OnionName("7fd22jhmqgfl45j6"), petname: Petname("lmpt67wunx7itgyd")),
    ]
  }

  @Test(
    "petname, address, whole and short name mean the same, as they are pasted",
    arguments: [
      "alice", " Alice\n", "fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03", "[FD87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03]",
      version3, version3.uppercased(), version3 + ".onion", " http://\(version3).onion:8060/ ", "\(version3):8060",
      "lmpt67wunx7itgyd.onion", "LMPT67WUNX7ITGYD.ONION", "http://lmpt67wunx7itgyd.onion/",
    ])
  func same(text: String) throws {
    let peer = try PeerSelector(text, among: peers, servicePort: 8060)
    #expect(peer.address == peers[0].name.address)
    #expect(peer.name == peers[0].name)
  }

  @Test("a petname comes before a short name that is written alike")
  func petnameFirst() throws {
    #expect(try PeerSelector("lmpt67wunx7itgyd", among: peers, servicePort: 8060).name == peers[1].name)
  }

  @Test("who is not configured has the name that was given, or none")
  func unknown() throws {
    #expect(try PeerSelector("wq52ql3uxgcxqjon", among: peers, servicePort: 8060).name == nil)
    #expect(try PeerSelector(PeerSelectorTests.version3, among: [], servicePort: 8060).name == peers[0].name)
  }

  @Test("who may be meant is listed in words")
  func listed() throws {
    let carol = ConfiguredPeer(name: try OnionName("wq52ql3uxgcxqjon"), petname: Petname("carol"))
    for (peers, words) in [
      ([carol], ": carol is known by petname"), ([peers[0], carol], ": alice and carol are known by petname"),
    ] {
      let error = #expect(throws: ControlError.self) { try PeerSelector("dave", among: peers, servicePort: 8060) }
      #expect(error?.description == "there is no peer 'dave'\(words)")
    }
  }

  @Test(
    "anything else is an error that says what is wrong",
    arguments: [
      ("bob", ControlError.Code.notFound), ("alic", .notFound), ("", .badArgument), ("::1", .badArgument),
      ("10.0.0.1", .badArgument), ("\(version3):80", .badArgument), (version3.dropLast() + "e", .badArgument),
    ])
  func wrong(text: String, code: ControlError.Code) {
    let error = #expect(throws: ControlError.self) { try PeerSelector(text, among: peers, servicePort: 8060) }
    #expect(error?.code == code)
  }
}
