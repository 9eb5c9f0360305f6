/// The echo requests by which a peer without extensions proves that it is the sender of an accepted circuit: its kernel
/// replies, and the reply comes over the circuit that the peer dialled. At most `limit` await a reply, the newest.
struct EchoProofs {
  /// The greatest number of requests that await a reply.
  static let limit = 4
  /// The time for which a reply counts.
  static let lifetime = Duration.seconds(60)
  /// The shortest time between two requests to a peer.
  static let interval = Duration.seconds(5)

  private struct Request {
    let identifier: UInt16
    let sequence: UInt16
    let token: ProofToken
    let time: Instant
  }

  private var requests: [Request] = []

  /// Returns whether the peer may be asked now.
  func mayAsk(at now: Instant) -> Bool { requests.last.map { $0.time + EchoProofs.interval <= now } ?? true }

  /// Notes a request that is sent now, and returns its packet.
  mutating func ask(
    _ peer: IPv6Address, from own: IPv6Address, using random: inout any RandomNumberGenerator, at now: Instant
  ) -> [UInt8] {
    let request = Request(
      identifier: UInt16.random(in: .min ... .max, using: &random),
      sequence: UInt16.random(in: .min ... .max, using: &random), token: ProofToken(using: &random), time: now)
    requests = requests.suffix(EchoProofs.limit - 1) + [request]
    return EchoProbe.request(
      from: own, to: peer, identifier: request.identifier, sequence: request.sequence, token: request.token.bytes)
  }

  /// Returns whether a reply answers a request, which no other can answer then.
  mutating func take(_ reply: EchoProbe.Reply, at now: Instant) -> Bool {
    guard let token = ProofToken(reply.token) else { return false }
    let index = requests.firstIndex {
      $0.identifier == reply.identifier && $0.sequence == reply.sequence && $0.token.matches(token)
        && now < $0.time + EchoProofs.lifetime
    }
    guard let index else { return false }
    requests.remove(at: index)
    return true
  }
}
