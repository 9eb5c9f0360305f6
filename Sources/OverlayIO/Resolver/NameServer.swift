import Glibc
import OverlayCore

/// Answers this host's programs, and nobody else, about the names of the overlay, at loopback addresses by UDP and TCP
/// and at UNIX sockets. It asks nobody.
///
/// At most `mostConnections` are open at the same time, of which the oldest makes room. libevent's own server of DNS
/// (evdns) does not serve: it hands over no EDNS, so that no answer may be longer than 512 bytes, refuses by itself
/// what `LocalNameServer` has to, and knows no TCP.
final class NameServer {
  /// The greatest number of connections at the same time.
  static let mostConnections = 32
  /// How many places there are at most.
  static let mostPlaces = 8

  /// Why there is no answer at a place.
  struct Failure: PermissionError {
    let place: SocketAddress
    let reason: String
    let isDenied: Bool

    var description: String { "names are not answered at \(place) (--dns): \(reason)" }
  }

  private let server: LocalNameServer
  private let names: () -> any LocalNames
  private let wanted: (OnionName) -> Void
  private let loop: EventLoop
  private var ports: [DatagramPort] = []
  private var listeners: [Listener] = []
  private var sockets: [ControlSocket] = []
  private var connections: [NameConnection] = []

  /// Answers at `places`; those with ports are in a network namespace, if one is named. `names` has what is known, and
  /// `wanted` gets each onion name that was asked for.
  init(
    _ server: LocalNameServer, at places: [SocketAddress], in namespace: NamespaceName?, on loop: EventLoop, log: Log,
    names: @escaping () -> any LocalNames, wanted: @escaping (OnionName) -> Void
  ) throws(Failure) {
    (self.server, self.loop, self.names, self.wanted) = (server, loop, names, wanted)
    for place in places {
      do {
        try open(place, in: namespace, log)
      } catch {
        throw Failure(
          place: place, reason: "\(error)", isDenied: (error as? any PermissionError)?.isDenied ?? false)
      }
    }
  }

  private func open(_ place: SocketAddress, in namespace: NamespaceName?, _ log: Log) throws {
    if case .unix(let path) = place {
      sockets.append(
        try ControlSocket(path, for: .everybody, on: loop, log: log) { [unowned self] source in accept(source) })
      return
    }
    ports.append(
      DatagramPort(owning: try NetworkNamespace.socket(SOCK_DGRAM, at: place, in: namespace), on: loop) {
        [unowned self] message in answer(message, greatest: nil)
      })
    let stream = try NetworkNamespace.socket(SOCK_STREAM, at: place, in: namespace)
    try SystemCall.listen(stream.number, "listen at \(place)")
    listeners.append(
      try Listener(owning: stream, at: "\(place)", on: loop, log: log) { [unowned self] source in accept(source) })
  }

  private func accept(_ source: EventSource<StreamSocket>) {
    if connections.count >= NameServer.mostConnections { connections.removeFirst() }
    let connection = try? NameConnection(
      source, on: loop, answer: { [unowned self] message in answer(message, greatest: Int(UInt16.max)) },
      ended: { [unowned self] ended in connections.removeAll { $0 === ended } })
    if let connection { connections.append(connection) }
  }

  private func answer(_ message: UnsafeRawBufferPointer, greatest: Int?) -> [UInt8]? {
    let answer = server.answer(to: message, greatest: greatest, from: names())
    if let name = answer.name { wanted(name) }
    return answer.message
  }
}

extension NetworkNamespace {
  /// A socket of this type that is bound to `address` in a network namespace; `nil` for this one.
  static func socket(
    _ type: __socket_type, at address: SocketAddress, in name: NamespaceName?
  ) throws(PrivilegeError) -> FileDescriptor {
    try run(in: name) { () throws(PrivilegeError) in
      do throws(SystemError) {
        let socket = try SystemCall.socket(address.family, type)
        let number = socket.number
        // Without the option an address is not free at once after a daemon ended. A datagram socket would share it.
        if type == SOCK_STREAM {
          try? SystemCall.setOption(SO_REUSEADDR, of: number, at: SOL_SOCKET, to: 1)
        } else if address.isLoopback {
          // Whoever takes the daemon over sends nothing else from it. Where this fails the daemon answers nevertheless.
          try? SystemCall.bind(number, toInterface: "lo")
        }
        try address.withSocketAddress { pointer, size throws(SystemError) in
          try SystemCall.bind(number, to: pointer, size, "bind \(address)")
        }
        return socket
      } catch {
        throw .failed(act: "answer there", error)
      }
    }
  }
}
