import Glibc

/// The sysctl by which IPv6 is switched off on single interfaces (`net.ipv6.conf.NAME.disable_ipv6`) of the network
/// namespace it was opened in.
struct ProtocolSwitch: ~Copyable {
  private let directory: FileDescriptor

  private static let path = "/proc/sys/net/ipv6/conf"

  /// Opens the directory: what it holds goes on being that namespace's when the thread has left it.
  init() throws(SystemError) {
    directory = try FileDescriptor("open \(ProtocolSwitch.path)") {
      open(ProtocolSwitch.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }
  }

  /// Lets IPv6 work on one interface, whatever is set for all others: no other key is touched.
  func enable(on interface: String) throws(SystemError) {
    let (directory, name) = (directory.number, "\(interface)/disable_ipv6")
    let file = try FileDescriptor("open \(ProtocolSwitch.path)/\(name)") {
      openat(directory, name, O_WRONLY | O_CLOEXEC)
    }
    let number = file.number
    try SystemCall.perform("write to \(ProtocolSwitch.path)/\(name)") { write(number, "0\n", 2) }
  }
}
