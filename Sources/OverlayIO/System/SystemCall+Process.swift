import CLinux
import Glibc

/// What concerns the process, its thread, and its interface.
extension SystemCall {
  /// How many files the process may have open, and how far it may raise that itself.
  static func descriptorLimit() throws(SystemError) -> rlimit {
    var limit = rlimit()
    try perform("getrlimit") { Glibc.getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) }
    return limit
  }

  /// Sets how many files the process may have open.
  static func setDescriptorLimit(_ limit: rlimit) throws(SystemError) {
    var limit = limit
    try perform("setrlimit") { Glibc.setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) }
  }

  /// Moves the calling thread into a network namespace; `path` names it in an error.
  static func enterNetworkNamespace(_ namespace: Int32, path: @autoclosure () -> String) throws(SystemError) {
    try perform("setns \(path())") { oncilla_enter_network_namespace(namespace) }
  }

  /// Moves the calling thread back where it came from; the program stops where that fails. Sockets opened from there on
  /// would silently lie in the wrong network: worse than no program.
  static func returnToNetworkNamespace(_ namespace: Int32) {
    let result = oncilla_enter_network_namespace(namespace)
    precondition(result == 0, "the thread cannot return to its network namespace")
  }

  /// Makes the interface of this name and these flags (`IFF_…`), and binds it to an open `/dev/net/tun`.
  static func attachTunnel(_ node: Int32, _ name: String, _ flags: UInt16) throws(SystemError) {
    try perform("TUNSETIFF \(name)") { oncilla_tunnel_attach(node, name, flags) }
  }

  /// Lets the kernel leave this work (`TUN_F_…`) to who reads from a tunnel.
  static func setOffload(_ tunnel: Int32, _ offloads: UInt32) throws(SystemError) {
    try perform("TUNSETOFFLOAD") { oncilla_tunnel_set_offload(tunnel, offloads) }
  }

  /// Lets a write to a pipe or socket that nobody reads be an error and no signal.
  public static func ignoreBrokenPipes() {
    // Fails for an unknown signal alone.
    _ = Glibc.signal(SIGPIPE, SIG_IGN)
  }

  /// Opens `/dev/null` under the lowest number that is free, for good; child processes inherit it.
  public static func openNothing() {
    _ = Glibc.open("/dev/null", O_RDWR)
  }

  /// Waits for so many milliseconds, or until a signal comes.
  public static func sleep(milliseconds: UInt32) {
    // An interrupted wait is a shorter one.
    _ = Glibc.usleep(milliseconds * 1_000)
  }

  /// The value of a variable of the environment; `nil` if it is not there.
  public static func variable(_ name: String) -> String? {
    Glibc.getenv(name).map { String(cString: $0) }
  }

  /// As the one above, and the environment loses it.
  static func takeVariable(_ name: String) -> String? {
    let value = variable(name)
    // Fails for a name that can be none alone.
    _ = Glibc.unsetenv(name)
    return value
  }

  /// The kernel: its name, its release, and the kind of machine.
  public static var kernel: (system: String, release: String, machine: String) {
    var names = utsname()
    // Fails for an address alone that is none.
    _ = Glibc.uname(&names)
    func text(_ field: some Any) -> String {
      withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    return (text(names.sysname), text(names.release), text(names.machine))
  }

  /// The number of this process.
  static var processIdentifier: Int32 { Glibc.getpid() }
}
