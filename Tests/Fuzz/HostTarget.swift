/// A whole host, driven by a script: each event is decoded from a few bytes of the input, and after each one holds what
/// `FuzzShell.checkAll` says.
enum HostTarget {
  static func run(_ input: consuming FuzzInput) {
    let shell = FuzzShell(&input)
    input.eachEvent { input in
      let event = input.byte()
      if event < 0xc0 { step(event % 32, &input, shell) } else { stepOfOperator(event % 32, &input, shell) }
      shell.finish()
    }
    shell.end()
  }

  /// Something happens at one of the identities, at the device, or to Tor.
  private static func step(_ event: UInt8, _ input: inout FuzzInput, _ shell: FuzzShell) {
    let sockets = shell.identity(&input)
    switch event {
    case 0, 1:
      let line = FuzzTraffic.lineOfTor(&input, shell)
      sockets.accept(bringing: line.bytes, isAtOnce: line.isAtOnce)
    case 2, 3: sockets.hear(FuzzTraffic.keepalive(&input, to: sockets), on: input.byte(), inPieces: input.byte())
    case 4...7: sockets.hear(FuzzTraffic.incoming(&input, to: sockets), on: input.byte(), inPieces: input.byte())
    case 8: sockets.hear(input.bytes(atMost: Int(input.byte() & 31)), on: input.byte(), inPieces: 0)
    case 9: sockets.hearMore(on: input.byte(), input.length(atMost: 65_575))
    case 10...13: FuzzTraffic.send(&input, shell, from: sockets, count: 1)
    case 14: FuzzTraffic.send(&input, shell, from: sockets, count: 1 + Int(input.byte()))
    case 15: FuzzTraffic.sendHostile(&input, shell, from: sockets)
    case 16, 17: sockets.transmit(input.byte(), room: input.length(atMost: 1 << 20))
    case 18: shell.pass(milliseconds: UInt64(input.byte()))
    case 19: shell.pass(milliseconds: UInt64(input.number()) * 10)
    case 20: shell.pass(milliseconds: UInt64(input.number()) << UInt64(input.byte() & 31))
    case 21: shell.replaceHosts(input.byte())
    case 22: shell.mtuChanged(to: input.length(atMost: 65_535))
    case 23:
      let address = FuzzWorld.address(input.byte())
      sockets.change { node, turn in node.want(address, turn: &turn) }
    case 24: refuse(&input, sockets)
    case 25:
      let number = input.byte()
      shell.tor = FuzzShell.Tor(rawValue: number % 6) ?? .grants
      shell.reason = FuzzShell.reasons[Int(number / 6) % FuzzShell.reasons.count]
    case 26: sockets.cut(input.byte(), isFailure: input.flag())
    case 27: sockets.answer(input.bytes(atMost: 8), on: input.byte())
    case 28: sockets.answer([0, 0x5a, 0, 0, 0, 0, 0, 0], on: input.byte())
    case 29: shell.room = [0, 1, 100, 1_500, 65_536, .max][input.choice(6)]
    case 30: shell.turn.device.wire.isUp.toggle()
    default:
      let number = input.byte()
      if number & 0x80 == 0 { shell.look(number) } else { change(&input, shell) }
    }
  }

  /// The operator wants something, a host of the LAN says something, or somebody proves who he is.
  private static func stepOfOperator(_ event: UInt8, _ input: inout FuzzInput, _ shell: FuzzShell) {
    switch event {
    case 0...7:
      let (frame, offload) = shell.lan.frame(&input)
      shell.read(frame, offload)
    case 8, 9: shell.sort(FuzzTraffic.call(&input, shell))
    case 10...13: prove(&input, shell.identity(&input))
    case 14...16: ask(&input, shell, shell.identity(&input))
    case 17:
      let publications: [Publication] = [.unknown, .publishing, .published]
      let publication = publications[input.choice(3)]
      shell.identity(&input).change { node, turn in node.changed(publication, turn: &turn) }
    case 18: shell.toggle(input.choice(shell.settings.identities.count))
    case 19: renew(&input, shell)
    default:
      set(event, &input, shell)
      shell.apply()
    }
  }

  /// The operator changes a part of the policy.
  private static func set(_ event: UInt8, _ input: inout FuzzInput, _ shell: FuzzShell) {
    let number = input.byte()
    switch event {
    case 20, 21: shell.policy.door = FuzzPolicy.doors[Int(number) % FuzzPolicy.doors.count]
    case 22, 23: shell.policy.rates = FuzzPolicy.ceilings[Int(number) % FuzzPolicy.ceilings.count]
    case 24, 25:
      shell.policy.authentication = Authentication.ofAll[Int(number & 3) % 3]
      if number & 4 != 0 { shell.policy.setAuthentications(input.byte()) }
    case 26, 27: shell.policy.onlyPeers.toggle()
    case 28: shell.policy.lookup = LookupMode.allCases[Int(number) % LookupMode.allCases.count]
    case 29: shell.policy.scrubs = number & 1 == 0
    case 30: shell.policy.isFirstSecret = number & 1 != 0
    default: shell.policy.peers = Int(number & 3)
    }
  }

  /// The operator changes much of the policy at once.
  private static func change(_ input: inout FuzzInput, _ shell: FuzzShell) {
    let (first, second) = (input.byte(), input.byte())
    shell.policy.peers = Int(first & 3)
    shell.policy.hasRoutes = first & 4 != 0
    shell.policy.circuitsPerPeer = 1 + Int(second & 7)
    shell.policy.authentication = second & 1 != 0 ? .strict : .off
    shell.policy.idle = .seconds(Int64(second >> 3) * 10 + 1)
    shell.apply()
  }

  /// The operator asks something of one peer.
  private static func ask(_ input: inout FuzzInput, _ shell: FuzzShell, _ sockets: FuzzSockets) {
    let (what, number) = (input.byte() % 8, input.byte())
    let (name, address) = (FuzzWorld.name(number), FuzzWorld.address(number))
    switch what {
    case 0, 1: shell.forEach { node, turn in _ = node.block(address, turn: &turn) }
    case 2: shell.forEach { node, turn in _ = node.unblock(address, turn: &turn) }
    case 3: sockets.change { node, turn in node.connect(name, turn: &turn) }
    case 4: shell.forEach { node, turn in _ = node.disconnect(address, turn: &turn) }
    case 5: sockets.change { node, turn in node.ping(address, number: Int(number), turn: &turn) }
    case 6: shell.forEach { node, turn in node.obstacleIsGone(to: name, turn: &turn) }
    default: sockets.change { node, turn in node.learn(name, turn: &turn) }
    }
  }

  /// The operator has the circuits of a peer closed and dialled anew.
  private static func renew(_ input: inout FuzzInput, _ shell: FuzzShell) {
    let name = FuzzWorld.name(input.byte())
    shell.forEach { node, turn in _ = node.disconnect(name.address, turn: &turn) }
    shell.identities[0].change { node, turn in node.connect(name, turn: &turn) }
  }

  /// A peer answers on one circuit what it was asked on another.
  private static func prove(_ input: inout FuzzInput, _ sockets: FuzzSockets) {
    let number = input.byte()
    let address = FuzzWorld.address(number & 15)
    guard let proof = sockets.proof(of: address, byEcho: number & 16 != 0) else { return }
    sockets.hear(proof, on: input.byte(), inPieces: 0)
  }

  private static func refuse(_ input: inout FuzzInput, _ sockets: FuzzSockets) {
    let packet = FuzzTraffic.incoming(&input, to: sockets)
    let error: DeliveryError = input.flag() ? .unreachable : .tooLong(mtu: input.length(atMost: 65_535))
    withCopy(of: packet) { memory in
      sockets.change { node, turn in
        node.refuse(fromOverlay: UnsafeRawBufferPointer(memory), error, turn: &turn)
      }
    }
  }
}
