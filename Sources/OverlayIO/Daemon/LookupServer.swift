import OverlayCore

/// Tells the name of one identity to whoever comes through its lookup service: it writes a line and closes.
///
/// Nothing is read, and no connection stays to be bounded: the line fits into the buffer of a new socket, and who does
/// not take it has the kernel wait for him.
final class LookupServer {
  /// Where it listens.
  let address: SocketAddress
  private let listener: Listener

  /// Listens at `address`, and tells `name` there.
  init(_ address: SocketAddress, telling name: OnionName, on loop: EventLoop, log: Log) throws {
    let line = LookupAnswer.line(of: name)
    self.address = address
    listener = try Listener(address, for: "--lookup-listen", on: loop, log: log) { source in
      _ = source.file.write(line[...])
    }
    if !address.isLoopback {
      log.warning("the lookup service listens at \(address): whoever reaches it there learns this host's name")
    }
  }
}
