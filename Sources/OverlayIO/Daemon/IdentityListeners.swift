import OverlayCore

/// The listeners of all identities. A connection at a listener is for its identity; if identities share a listener, the
/// destination of the first packet tells the identity.
final class IdentityListeners {
  private var listeners: [Listener] = []
  private let sorter: CallSorter
  private var isSorting = false

  /// The report of the shared listeners, one line; `nil` if there are none.
  var report: String? { isSorting ? sorter.report : nil }

  /// Listens at every address of `identities`, where `isAnnounced` says that Tor first writes which circuit of its own
  /// a connection came through. `accept` takes a connection for the identity with that number, and `acceptAddressed`
  /// one that came at that time for the identity with that address.
  init(
    _ identities: [DaemonSettings.Identity], isAnnounced: Bool, on loop: EventLoop, log: Log,
    accept: @escaping (EventSource<StreamSocket>, _ identity: Int) -> Void,
    acceptAddressed: @escaping (EventSource<StreamSocket>, _ address: IPv6Address, _ since: Instant) -> Void
  ) throws {
    let sorter = try CallSorter(
      limit: DescriptorLimit.calls(of: DescriptorLimit.raise()), isAnnounced: isAnnounced, on: loop, log: log,
      handler: acceptAddressed)
    self.sorter = sorter
    var seen: Set<SocketAddress> = []
    for (number, identity) in identities.enumerated() {
      for address in identity.listen where seen.insert(address).inserted {
        if !address.isLoopback {
          log.warning("listening at \(address): whoever reaches it there is not known to come through Tor")
        }
        let isShared = identities.count { $0.listen.contains(address) } > 1
        isSorting = isSorting || isShared
        let listener = try Listener(address, on: loop, log: log) { stream in
          if isShared { sorter.accept(stream) } else { accept(stream, number) }
        }
        listeners.append(listener)
      }
    }
  }
}
