import OverlayCore

/// Whether Tor's SOCKS port can be reached, for all identities together.
final class TorWatch {
  /// The SOCKS port.
  let socks: SocketAddress
  /// Gets the result of each attempt.
  var probed: (_ isReachable: Bool) -> Void = { _ in }

  private let loop: EventLoop
  private let changed: (_ isReachable: Bool, _ failure: SystemError?) -> Void
  private var probe: TorProbe?
  private var isReachable: Bool?
  // The reason why the last attempt failed; `nil` if it did not.
  private var failure: SystemError?

  /// Makes a watch that has tried nothing. `changed` is called when Tor comes into reach or goes out of it, with the
  /// reason.
  init(
    _ socks: SocketAddress, on loop: EventLoop,
    changed: @escaping (_ isReachable: Bool, _ failure: SystemError?) -> Void
  ) {
    self.socks = socks
    self.loop = loop
    self.changed = changed
  }

  /// Notes a connection to the port that failed.
  func failed(_ error: SystemError) {
    failure = error
  }

  /// Tells once that Tor came into reach or went out of it, whichever identity found it.
  func note(isReachable: Bool) {
    guard isReachable != self.isReachable else { return }
    self.isReachable = isReachable
    changed(isReachable, isReachable ? nil : failure)
  }

  /// Begins an attempt, unless one is under way.
  func look() {
    guard probe == nil else { return }
    do throws(SystemError) {
      probe = try TorProbe(socks, on: loop) { [unowned self] failure in
        probe = nil
        self.failure = failure
        probed(failure == nil)
      }
    } catch {
      failure = error
      probed(false)
    }
  }
}
