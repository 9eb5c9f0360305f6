import PacketSamples
import Testing

@testable import OverlayCore

@Suite("A node's door")
struct NodeDoorTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let bob: FakeHost

  init() throws {
    alice = try .sample(1)
    bob = FakeHost(try .sample(2))
  }

  private func start(
    _ door: DoorPolicy = DoorPolicy(), peers: [ConfiguredPeer] = [], onlyPeers: Bool = false, isFirst: Bool = true
  ) -> FakeHost {
    world.start(
      FakeHost(
        NodeSettings(
          name: alice, policy: NodePolicy.trusting(peers: peers, door: door, onlyPeers: onlyPeers),
          dialsPeers: isFirst)))
  }

  private var bobAsPeer: ConfiguredPeer { ConfiguredPeer(name: bob.name, petname: Petname("bob")) }
  private var bobsPetname: [IPv6Address: Petname] { Petname("bob").map { [bob.address: $0] } ?? [:] }

  private func call(_ host: FakeHost, as caller: FakeHost? = nil) throws -> FakeCircuit {
    let call = try #require(world.call(host))
    world.say((caller ?? bob).keepalive(to: alice.address), on: call)
    return call
  }

  private func segment(to port: UInt16, from caller: FakeHost? = nil) -> [UInt8] {
    var packet = SamplePacket.tcp([]) {
      $0.destinationPort = port
      $0.flags = 0x02
    }
    (packet.source, packet.destination) = ((caller ?? bob).address, alice.address)
    return packet.bytes
  }

  private func datagram(from source: UInt16, to destination: UInt16) -> [UInt8] {
    var packet = SamplePacket(.udp(source: source, destination: destination), payload: [])
    (packet.source, packet.destination) = (bob.address, alice.address)
    return packet.bytes
  }

  @Test("a stranger's ping reaches the kernel, its connection does not, and it hears that this is prohibited")
  func stranger() throws {
    let host = start()
    let stranger = world.start(bob, knowing: [alice])
    world.send(EchoPacket(.request, from: bob.address, to: alice.address, payload: [1]).bytes, from: stranger)
    #expect(host.takeDelivered().count == 1)
    world.send(segment(to: 22), from: stranger)
    #expect(host.takeDelivered().isEmpty)
    #expect(host.count(.doorClosed) == 1)
    #expect(stranger.takeErrorCodes() == [1])
  }

  @Test("a silent door answers nothing")
  func silent() throws {
    let host = start(DoorPolicy(refusal: .silent))
    let call = try call(host)
    world.say(segment(to: 22), on: call)
    #expect(host.count(.doorClosed) == 1)
    #expect(host.count(.peerError) == 0)
    #expect(host.dials.isEmpty)
  }

  @Test("refusals are told ten times a second, and leave the errors about long packets alone")
  func limited() throws {
    let host = start(peers: [bobAsPeer])
    let call = try call(host)
    for port in 1...30 as ClosedRange<UInt16> { world.say(segment(to: port), on: call) }
    #expect(host.count(.doorClosed) == 30)
    #expect(host.count(.peerError) == 10)
    #expect(host.count(.peerErrorLimited) == 20)
    Sample.packet(from: bob.address, to: alice.address, payload: [1]).withUnsafeBytes {
      host.refuse(fromOverlay: $0, .unreachable, at: world.now)
    }
    #expect(host.count(.peerError) == 11)
  }

  @Test("the operator hears once an hour of a configured peer, with the rule that would let it in")
  func told() throws {
    let host = start(DoorPolicy(petnames: bobsPetname), peers: [bobAsPeer])
    let call = try call(host)
    world.say(segment(to: 22), on: call)
    world.say(segment(to: 23), on: call)
    let warnings = { host.log.filter { $0.level == .warning }.map(\.text) }
    #expect(
      warnings() == ["peer bob was refused at the door: --allow-in 'tcp/22 from bob' would let that in"])
    world.now = world.now + .seconds(3_601)
    let later = try self.call(host)
    world.say(segment(to: 23), on: later)
    #expect(warnings().count == 2)
  }

  @Test("at a second identity, which keeps no circuits to peers, the operator hears it, too")
  func toldAtSecond() throws {
    let host = start(DoorPolicy(refusal: .silent, petnames: bobsPetname), peers: [bobAsPeer], isFirst: false)
    world.say(segment(to: 22), on: try call(host))
    #expect(
      host.log.filter { $0.level == .warning }.map(\.text)
        == ["peer bob was refused at the door: --allow-in 'tcp/22 from bob' would let that in"])
    let shown = host.node.status(at: world.now).peers.filter { $0.name == bob.name }
    #expect(shown.map(\.isConfigured) == [true])
    #expect(shown.map(\.label) == ["peer bob"])
    #expect(host.dials.isEmpty)
  }

  @Test("what is refused is counted for the peer, by the reason")
  func counted() throws {
    let host = start(peers: [bobAsPeer])
    let call = try call(host)
    for port in 1...3 as ClosedRange<UInt16> { world.say(segment(to: port), on: call) }
    var fragment = SamplePacket.tcp([]).bytes
    fragment.replaceSubrange(8..<40, with: bob.address.bytes + alice.address.bytes)
    fragment[6] = 44
    fragment.replaceSubrange(40..<48, with: [17, 0, 0, 1, 0, 0, 0, 9])
    world.say(fragment, on: call)
    let drops = host.node.status(of: bob.address, at: world.now)?.drops
    #expect(drops?.map { "\($0.name)=\($0.count)" } == ["doorClosed=3", "doorUnreadable=1"])
  }

  @Test("of a peer whose petname no file has the rule names the address, which is accepted in a file")
  func toldByAddress() throws {
    let host = start(peers: [bobAsPeer])
    world.say(segment(to: 22), on: try call(host))
    let line = try #require(host.log.first { $0.level == .warning }?.text)
    #expect(line == "peer bob was refused at the door: --allow-in 'tcp/22 from \(bob.address)' would let that in")
  }

  @Test("nothing is said of strangers, who may knock anywhere")
  func untold() throws {
    let host = start()
    let call = try call(host)
    world.say(segment(to: 22), on: call)
    #expect(host.log.filter { $0.level == .warning }.isEmpty)
  }

  @Test("a rule counts as soon as it is applied")
  func applied() throws {
    let host = start()
    let call = try call(host)
    world.say(segment(to: 22), on: call)
    #expect(host.takeDelivered().isEmpty)
    let rule = DoorRule(.ports(.tcp, 22...22), from: [bob.address])
    _ = host.node.apply(NodePolicy.trusting(door: DoorPolicy(rules: [rule])), turn: &host.turn)
    world.say(segment(to: 22), on: call)
    #expect(host.takeDelivered().count == 1)
    #expect(host.node.status(at: world.now).door.rules.map(\.packets) == [1])
  }

  @Test("what we begin is answered, with a circuit there already and with one to be built")
  func answered() throws {
    let peer = world.start(bob, knowing: [alice])
    let host = start(peers: [bobAsPeer])
    world.send(host.packet(to: bob.address), from: host)
    #expect(peer.takeDelivered().count == 1)
    #expect(host.node.status(at: world.now).door.flows == 1)
    world.send(datagram(from: 0x2000, to: 0x1000), from: peer)
    #expect(host.takeDelivered().count == 1)
    world.send(datagram(from: 0x2001, to: 0x1000), from: peer)
    #expect(host.takeDelivered().isEmpty)
  }

  // MARK: - A closed group

  @Test("in a closed group a stranger's circuit is closed as soon as it tells who calls, and a peer's is not")
  func group() throws {
    let host = start(DoorPolicy.open, peers: [bobAsPeer], onlyPeers: true)
    let stranger = FakeHost(try .sample(3))
    let calls = try (call(host), call(host, as: stranger))
    #expect(!calls.0.isClosed)
    #expect(calls.1.isClosed)
    let third = try #require(world.call(host))
    world.say(Sample.packet(from: stranger.address, to: alice.address, payload: [1, 2, 3, 4]), on: third)
    #expect(third.isClosed)
    #expect(host.takeDelivered().isEmpty)
    #expect(host.count(.blocked) == 1)
  }

  @Test("in a closed group nobody else is dialled, and this host's own service still is")
  func groupDials() throws {
    let stranger = try OnionName.sample(3)
    let host = start(DoorPolicy.open, peers: [bobAsPeer], onlyPeers: true)
    world.replaceHosts(of: host, with: [stranger])
    let before = host.dials.count
    world.send(host.packet(to: stranger.address), from: host)
    #expect(host.dials.count == before)
    #expect(host.node.connect(stranger, turn: &host.turn) == .notInGroup)
    world.send(host.packet(to: OverlayNetwork.tor.circuitResponder), from: host)
    #expect(host.dials.count == before + 1)
  }

  @Test("a policy that closes the group closes the circuits of others")
  func groupApplied() throws {
    let host = start(DoorPolicy.open, peers: [bobAsPeer])
    let stranger = FakeHost(try .sample(3))
    let calls = try (call(host), call(host, as: stranger))
    #expect(!calls.1.isClosed)
    _ = host.node.apply(NodePolicy.trusting(peers: [bobAsPeer], onlyPeers: true), turn: &host.turn)
    world.settle()
    #expect(!calls.0.isClosed)
    #expect(calls.1.isClosed)
  }

  @Test("who is blocked is hung up on as soon as the circuit tells who calls")
  func blocked() throws {
    let host = start(DoorPolicy.open)
    #expect(host.node.block(bob.address, turn: &host.turn) == true)
    #expect(try call(host).isClosed)
  }
}
