import OverlayCore

/// Why a privileged act was not done; its description is one line for the operator.
public enum PrivilegeError: PermissionError, Equatable {
  /// The kernel gives no interface this name.
  case interfaceNameRefused(String)
  /// No file stands at the namespace's path.
  case namespaceMissing(String)
  /// The file at the path is no network namespace.
  case notANamespace(String)
  /// The program lacks this capability (capabilities(7)).
  case notPermitted(capability: String, act: String)
  /// `/dev/net/tun` does not exist or has no driver behind it.
  case tunnelNodeMissing
  /// `/dev/net/tun` may not be opened by this user.
  case tunnelNodeRefused
  /// The kernel has no IPv6, or in the named place sysctl switched it off.
  case protocolDisabled(interface: String?)
  /// An interface of this name exists; a program may hold it.
  case interfaceExists(String)
  /// The interface was deleted or moved to another namespace.
  case interfaceGone(String)
  /// The leak guard hangs on `lo`, which is down.
  case loopbackDown
  /// A route that is not ours has the leak guard's place.
  case leakGuardTaken(IPPrefix, metric: UInt32)
  /// A route that is not ours has the place of one into the interface.
  case routeTaken(IPPrefix, metric: UInt32)
  /// The tunnel or the monitor was handed out already, or there is no interface yet.
  case outOfOrder(PrivilegedRequest)
  /// The daemon may not become this user.
  case cannotBecome(String)
  /// There is no such user for the daemon to be.
  case noUser(String)
  /// What the process says that does it, and whether it lacks a right.
  case reported(String, isDenied: Bool)
  /// Any other failure, with what was being done.
  case failed(act: String, SystemError)

  /// Whether this user lacks a right.
  public var isDenied: Bool {
    switch self {
    case .notPermitted, .tunnelNodeRefused, .cannotBecome: true
    case .failed(_, let error): error.isDenied
    case .reported(_, let isDenied): isDenied
    default: false
    }
  }

  /// What is missing and what to do.
  public var description: String {
    switch self {
    case .interfaceNameRefused(let name):
      "the kernel refuses the interface name \(name): choose another one with --interface"
    case .namespaceMissing(let path):
      "there is no network namespace at \(path): create it with 'ip netns add'"
    case .notANamespace(let path):
      "\(path) is not a network namespace: create one with 'ip netns add'"
    case .notPermitted(let capability, let act):
      "not permitted to \(act): \(capability) is missing; run as root or grant the capability"
    case .tunnelNodeMissing:
      "\(TunnelDevice.path) is missing: load the kernel's module with 'modprobe tun'"
    case .tunnelNodeRefused:
      "not permitted to open \(TunnelDevice.path): run as root or give this user access to it"
    case .protocolDisabled(nil):
      "the kernel has no IPv6: start it without ipv6.disable=1"
    case .protocolDisabled(let interface?):
      "IPv6 is disabled on \(interface), and cannot be enabled: let the daemon write "
        + "/proc/sys/net/ipv6/conf/\(interface)/disable_ipv6, which belongs to that interface alone"
    case .interfaceExists(let name):
      "interface \(name) exists already: stop the program that holds it or choose another name with --interface"
    case .interfaceGone(let name):
      InterfaceNotice.interfaceGone(name).text
    case .loopbackDown:
      "there is no leak guard while interface lo is down: set it up with 'ip link set lo up'"
    case .leakGuardTaken(let prefix, let metric):
      "another route to \(prefix) has metric \(metric), which the leak guard needs: remove it with "
        + "'\(prefix.command) route del'"
    case .routeTaken(let prefix, let metric):
      "another route to \(prefix) has metric \(metric), which the one into the interface needs: remove it with "
        + "'\(prefix.command) route del'"
    case .outOfOrder(let request):
      "the privileged request \(request) came at the wrong time"
    case .cannotBecome(let name):
      "not permitted to become user \(name.quotedLine()), as in a container without CAP_SETUID and CAP_SETGID: grant them, "
        + "or let the daemon stay root with '--user root'"
    case .noUser(let name):
      "there is no user \(name.quotedLine()): --user accepts one of /etc/passwd"
    case .reported(let text, _):
      text
    case .failed(let act, let error):
      "cannot \(act): \(error)"
    }
  }
}

extension IPPrefix {
  /// The command of ip(8) for routes of this version.
  fileprivate var command: String {
    switch self {
    case .ipv4: "ip"
    case .ipv6: "ip -6"
    }
  }
}
