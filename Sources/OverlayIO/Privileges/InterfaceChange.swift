/// What happened, outside the program, to something that the program set up.
public enum InterfaceChange: Hashable, Sendable {
  /// Someone set the interface down, which takes its address and routes.
  case wentDown
  /// Someone set the interface up; the kernel restored nothing.
  case cameUp
  /// The interface is no more, or lies in another network namespace.
  case deleted
  /// Our address was removed from the interface.
  case addressLost
  /// The overlay's route through the interface was removed.
  case prefixRouteLost
  /// The interface's MTU is now this many bytes.
  case mtuChanged(Int)
  /// The leak guard was removed or replaced.
  case leakGuardLost
  /// `lo`, which the leak guard hangs on, was set up.
  case loopbackCameUp
  /// Messages were lost: anything can have happened.
  case overflow
}
