/// The echo requests that the operator has the node send to peers, to learn how long they take. They are packets like
/// any other: they wait for a circuit, and the peer's kernel answers.
struct Pings {
  /// The greatest number that await an answer. The oldest makes room.
  static let limit = 64

  private struct Ping {
    let number: Int
    let address: IPv6Address
    let identifier: UInt16
    let token: [UInt8]
    let time: Instant
  }

  private var pings: [Ping] = []

  /// Notes a request with this number that is sent now, and returns its packet. `mark` is random.
  mutating func begin(
    _ number: Int, from own: IPv6Address, to address: IPv6Address, mark: (identifier: UInt16, token: [UInt8]),
    at now: Instant
  ) -> [UInt8] {
    let (identifier, token) = mark
    let ping = Ping(number: number, address: address, identifier: identifier, token: token, time: now)
    pings = pings.suffix(Pings.limit - 1) + [ping]
    return EchoProbe.request(from: own, to: address, identifier: identifier, token: token)
  }

  /// Notes a reply of the peer with this address. It returns the number of the request and the time since it; `nil` if
  /// there was none.
  mutating func end(_ reply: EchoProbe.Reply, from address: IPv6Address, at now: Instant) -> (Int, Duration)? {
    let index = pings.firstIndex {
      $0.address == address && $0.identifier == reply.identifier && $0.token.elementsEqual(reply.token)
    }
    guard let index else { return nil }
    let ping = pings.remove(at: index)
    return (ping.number, now - ping.time)
  }
}
