import OverlayCore

/// Serves metrics over HTTP at `/metrics`, one request a connection.
///
/// At most `mostConnections` are served at the same time, each for at most `MetricsConnection.patience`; further ones
/// are closed. It is not evhttp, which libevent has, because that one bounds neither the number of connections nor
/// their time.
final class MetricsServer {
  /// The path of the page.
  static let path = "/metrics"
  /// The greatest number of connections at the same time.
  static let mostConnections = 8

  private var listener: Listener?
  private var connections: [MetricsConnection] = []
  private let loop: EventLoop
  private let page: () -> String

  /// Listens at `address`. `page` makes the page for each request.
  init(_ address: SocketAddress, on loop: EventLoop, log: Log, page: @escaping () -> String) throws {
    self.loop = loop
    self.page = page
    listener = try Listener(address, for: "--metrics-listen", on: loop, log: log) { [unowned self] source in
      accept(source)
    }
  }

  private func accept(_ source: EventSource<StreamSocket>) {
    guard connections.count < MetricsServer.mostConnections else { return }
    let connection = try? MetricsConnection(
      source, on: loop, page: page, ended: { [unowned self] ended in connections.removeAll { $0 === ended } })
    if let connection { connections.append(connection) }
  }
}
