/// What the node wants done, and what Tor makes of it.
extension FuzzSockets {
  func finish() {
    var count = 0
    while let action = shell.host.nextAction(of: identity) {
      count += 1
      check(count < 20_000, "the node wants things done without end")
      perform(action)
    }
    note(hasBackpressure: shell.host.hasBackpressure(for: identity))
    shell.host.finished(identity)
  }

  func note(hasBackpressure: Bool) {
    guard hasBackpressure != isUnderBackpressure else { return }
    isUnderBackpressure = hasBackpressure
    shell.backpressureCount += hasBackpressure ? 1 : -1
  }

  private func perform(_ action: NodeAction) {
    switch action {
    case .dial(let circuit): dial(circuit)
    case .flush(let circuit): flush(circuit, room: shell.room)
    case .read(let circuit):
      check(sockets[circuit] != nil, "a circuit that is gone is to be read")
      sockets[circuit]?.isPaused = false
      read(circuit)
    case .close(let circuit): forget(circuit)
    case .probeTor: shell.isProbing = true
    case .torReachable, .limitUnsent, .refreshLookup, .serveLookup, .trimMemory, .tell: break
    }
  }

  private func dial(_ circuit: CircuitIdentifier) {
    switch shell.tor {
    case .isNotThere: end(circuit, .torUnreachable)
    case .hasNoFiles: end(circuit, .failure("no files"))
    case .grants, .isSilent, .refuses, .connectsLater:
      check(sockets[circuit] == nil, "a circuit was dialled twice")
      guard change({ node, _ in node.streams.contains(circuit) }) == true else { return }
      sockets[circuit] = Socket(isDialled: true)
      order.append(circuit)
      if shell.tor != .connectsLater { connect(circuit) }
    }
  }

  func connect(_ circuit: CircuitIdentifier) {
    sockets[circuit]?.isConnected = true
    change { node, _ in node.connected(circuit) }
  }

  func flush(_ circuit: CircuitIdentifier, room: Int) {
    guard let socket = sockets[circuit] else { return }
    check(socket.isDialled && socket.isConnected, "something is to be sent where nothing can be")
    var stream = socket.stream
    let isWithIPv4 = settings.carriesIPv4
    let more = change { node, turn in
      node.transmit(circuit, turn: turn) { runs in
        check(runs.count <= WriteRuns.limit && !runs.isEmpty, "\(runs.count) runs in a write")
        var taken = 0
        for run in runs where taken < room {
          let part = UnsafeRawBufferPointer(rebasing: run.prefix(room - taken))
          stream.take(part, isWithIPv4: isWithIPv4)
          taken += part.count
        }
        return taken
      }
    }
    sockets[circuit]?.stream = stream
    sockets[circuit]?.wantsToWrite = more == true
    if stream.questionMessages > socket.stream.questionMessages {
      return answerQuestion(stream.questionMessages, on: circuit)
    }
    guard stream.isRequestWhole, !socket.stream.isRequestWhole else { return }
    switch shell.tor {
    case .grants:
      sockets[circuit]?.isAnswered = true
      receive([0, 0x5a, 0, 0, 0, 0, 0, 0], on: circuit)
    case .refuses: receive([0, 0x5b, 0, 0, 0, 0, 0, 0], on: circuit)
    case .isSilent, .isNotThere, .connectsLater, .hasNoFiles: break
    }
  }

  private func answerQuestion(_ messages: Int, on circuit: CircuitIdentifier) {
    let isGranted = shell.tor == .grants
    guard isGranted || shell.tor == .refuses else { return }
    switch messages {
    case 1: receive([5, 2], on: circuit)
    case 2: receive([1, 0], on: circuit)
    default:
      receive([5, isGranted ? 0 : shell.reason], on: circuit)
      // A question to a lookup service goes on: every other name is told.
      guard sockets[circuit] != nil, isGranted,
        case .lookUp(let address, _) = change({ node, _ in node.peers.use(of: circuit) }) ?? nil
      else { return }
      let name = FuzzWorld.names.first { $0.address == address } ?? FuzzWorld.own
      receive([0, 1, 0, 0, 0, 0, 0, 0] + LookupAnswer.line(of: name), on: circuit)
    }
  }
}
