import Glibc

/// The sysctl by which IPv6 is switched off on single interfaces (`net.ipv6.conf.NAME.disable_ipv6`) of the network
/// namespace it was opened in.
struct ProtocolSwitch: ~Copyable {
  private let directory: FileDescriptor

  private static let path = "/proc/sys/net/ipv6/conf"

  /// Opens the directory: what it holds goes on being that namespace's when the thread has left it.
  init() throws(SystemError) {
    directory = try SystemCall.open(ProtocolSwitch.path, O_RDONLY | O_DIRECTORY)
  }

  /// Lets IPv6 work on one interface, whatever is set for all others: no other key is touched.
  func enable(on interface: String) throws(SystemError) {
    let name = "\(interface)/disable_ipv6"
    let path = "\(ProtocolSwitch.path)/\(name)"
    let file = try SystemCall.open(name, in: directory.number, O_WRONLY, path: path)
    try SystemCall.writeAll(file.number, Array("0\n".utf8), "write to \(path)")
  }
}
