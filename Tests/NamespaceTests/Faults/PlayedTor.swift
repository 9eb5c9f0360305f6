import Glibc

@testable import OverlayCore
@testable import OverlayIO

/// A SOCKS4a proxy behind which there is one peer, which sends back each datagram that it gets, dials itself, and shows
/// that it is who it says where the daemon challenges it. It is driven by `step`, in the test's thread.
final class PlayedTor {
  static let echoPort: UInt16 = 7_001

  private enum Phase {
    case asking([UInt8])
    case standing(CircuitReader)
  }

  private let socks: SocketAddress
  private let listener: SocketAddress
  private let peer: OnionName
  private let own: OnionName
  private var door: PlainSocket?
  private var circuits: [(socket: PlainSocket, phase: Phase)] = []
  private var call: PlainSocket?
  // What the daemon has challenged the peer with last, and what was answered on the call.
  private var challenge: [UInt8]?
  private var answered: [UInt8]?
  private var sent: UInt64 = 0
  /// What was wrong with what came.
  private(set) var complaints: [String] = []
  /// How many datagrams came through circuits.
  private(set) var received = 0
  /// How many circuits were asked for so far.
  private(set) var dials = 0
  /// How many onion services were asked for that there are not.
  private(set) var strangers = 0

  init(_ socks: SocketAddress, to listener: SocketAddress, of own: OnionName, as peer: OnionName) {
    (self.socks, self.listener, self.own, self.peer) = (socks, listener, own, peer)
  }

  /// Listens, unless it does.
  func start() { door = door ?? PlainSocket(socks, SOCK_STREAM, isBound: true) }

  /// Closes everything, as a Tor that ends does.
  func stop() {
    door = nil
    circuits = []
    call = nil
    challenge = nil
  }

  /// How many circuits stand, in both directions.
  var standing: Int {
    circuits.count { if case .standing = $0.phase { true } else { false } } + (call == nil ? 0 : 1)
  }

  /// Closes the call to the daemon.
  func hangUp() { call = nil }

  /// Does what there is to be done, without waiting.
  func step() {
    while let connection = door?.accept() { circuits.append((connection, .asking([]))) }
    for index in circuits.indices {
      let bytes = circuits[index].socket.read()
      if bytes.isEmpty { continue }
      switch circuits[index].phase {
      case .asking(let start): answer(start + bytes, index)
      case .standing(var reader):
        for datagram in reader.take(bytes) { sendBack(datagram, through: circuits[index].socket) }
        if let complaint = reader.complaint { complaints.append("from the daemon: \(complaint)") }
        if let token = reader.challenge { challenge = token }
        circuits[index].phase = .standing(reader)
      }
    }
    circuits.removeAll { $0.socket.hasEnded }
    _ = call?.read()
    if call?.hasEnded == true { call = nil }
    if call != nil, let challenge, answered != challenge { say() }
  }

  private func answer(_ request: [UInt8], _ index: Int) {
    // SOCKS5 is asked for the reason of a refusal.
    if request[0] == 5 {
      circuits[index].socket.write([5, 0xff])
      return circuits[index].socket.end()
    }
    // After eight bytes come the user and the name, each with a NUL behind it.
    guard request.count > 8, request[8...].count(where: { $0 == 0 }) == 2 else {
      circuits[index].phase = .asking(request)
      return
    }
    let name = String(decoding: request[8...].split(separator: 0, omittingEmptySubsequences: false)[1], as: UTF8.self)
    let isKnown = name == "\(peer)"
    circuits[index].socket.write([0, isKnown ? 0x5a : 0x5b, 0, 0, 0, 0, 0, 0])
    if !isKnown {
      strangers += 1
      return circuits[index].socket.end()
    }
    dials += 1
    circuits[index].phase = .standing(CircuitReader())
  }

  private func sendBack(_ datagram: NumberedDatagram, through socket: PlainSocket) {
    received += 1
    socket.write(
      NumberedDatagram(
        source: datagram.destination, destination: datagram.source, sourcePort: datagram.destinationPort,
        destinationPort: datagram.sourcePort, number: datagram.number
      ).bytes)
  }

  /// Tells who calls, and proves it where the daemon has asked for that.
  private func say() {
    var extensions: [Keepalive.Extension] = []
    if let challenge {
      extensions = [
        Keepalive.Extension(type: Keepalive.Extension.capabilities, value: [0]),
        Keepalive.Extension(type: Keepalive.Extension.response, value: challenge),
      ]
    }
    call?.write(Keepalive(name: peer, extensions: extensions).packet(to: own.address, flowLabel: 1))
    answered = challenge
  }

  /// Sends one datagram more to a port of the host, through a call to it, which is made first where there is none.
  func send(to port: UInt16) {
    if call == nil {
      call = PlainSocket(listener, SOCK_STREAM, isBound: false)
      say()
    }
    sent += 1
    call?.write(
      NumberedDatagram(
        source: peer.address, destination: own.address, sourcePort: PlayedTor.echoPort, destinationPort: port,
        number: sent
      ).bytes)
  }
}

/// The datagrams that a program of the host gets: whole, in order, and none twice.
final class PlayedProgram {
  private let socket: PlainSocket
  private let peer: SocketAddress
  private var sent: UInt64 = 0
  private(set) var last: UInt64 = 0
  private(set) var complaints: [String] = []

  /// A program at a port of the host's address; `nil` as long as the host does not have that.
  init?(at address: IPv6Address, _ port: UInt16, peer: IPv6Address) {
    guard let socket = PlainSocket(.ipv6(address, port: port), SOCK_DGRAM, isBound: true) else { return nil }
    self.socket = socket
    self.peer = .ipv6(peer, port: PlayedTor.echoPort)
  }

  /// Sends one datagram more; its number.
  @discardableResult
  func send() -> UInt64 {
    sent += 1
    socket.send(NumberedDatagram.content(sent), to: peer)
    return sent
  }

  /// Sends a datagram to another address.
  func send(toStranger address: IPv6Address) {
    socket.send(NumberedDatagram.content(0), to: .ipv6(address, port: PlayedTor.echoPort))
  }

  /// Takes what has come. What comes through another circuit than what was sent before may overtake it.
  func step(mayOvertake: Bool) {
    for _ in 0..<1_000 {
      guard let content = socket.datagram() else { return }
      guard let number = NumberedDatagram.number(of: content) else {
        complaints.append("a datagram came that nobody has sent")
        continue
      }
      if number <= last, !mayOvertake { complaints.append("datagram \(number) came behind datagram \(last)") }
      last = max(last, number)
    }
  }
}
