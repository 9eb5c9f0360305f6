/// When packets had better stay in the device: where a circuit has much to send, and takes it fast.
extension Node {
  /// The device waits while a circuit needs less than this for the bytes that wait.
  static let deviceWait = Duration.milliseconds(5)
  /// For how long the device waits for a circuit that takes nothing: as long as the next process on the way may
  /// have to wait for a processor.
  static let devicePatience = Duration.milliseconds(25)
  /// From how many waiting bytes on the device waits for a fast circuit.
  static let congestionBytes = 256 << 10

  /// Lets the device wait for a circuit that has much to send and is fast: what waits there is not lost, and not for
  /// long. What a slow circuit does not take is the queue's to judge, and one that takes nothing is slow.
  mutating func noteCongestion(_ circuit: CircuitIdentifier, at now: Instant) {
    let bytes = circuits[circuit].queue.totalBytes
    guard bytes >= Node.congestionBytes || circuits[circuit].queue.memory >= FlowQueue.memoryLimit / 2 else {
      if congested == circuit { congested = nil }
      return
    }
    if !moves.isEmpty { endMoves(to: circuit) }
    let isFast = circuits[circuit].rate.time(for: bytes, at: now) < Node.deviceWait
    if isFast, now - circuits[circuit].lastProgress < Node.devicePatience {
      congested = circuit
      let end = now + Node.devicePatience
      if deviceAlarm.set(to: end) { deadlines.insert(.device, at: end) }
    } else if congested == circuit {
      congested = nil
    }
  }

  /// The device has waited for long enough.
  mutating func endCongestion(at now: Instant) {
    if let circuit = congested { noteCongestion(circuit, at: now) }
  }
}
