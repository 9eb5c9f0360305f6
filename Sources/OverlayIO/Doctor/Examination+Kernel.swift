import Glibc
import OverlayCore

/// What the kernel has to give.
extension Examination {
  /// Whether the device of tunnels can be opened, and an interface be made of it.
  func tunDevice() -> Check.Finding {
    let path = paths(TunnelDevice.path)
    do throws(SystemError) {
      _ = try SystemCall.open(path, O_RDWR | O_NONBLOCK)
    } catch {
      switch error.number {
      case ENOENT where isContainer, ENODEV where isContainer, ENXIO where isContainer, EPERM:
        return .wrong("\(error)", remedy: Examination.containerRemedy)
      case ENOENT, ENODEV, ENXIO:
        return .wrong("\(path) is missing", remedy: "'modprobe tun' loads the kernel's module")
      case EACCES where !isRoot: return .skipped("only root can tell: \(error)")
      default:
        return .wrong("\(error)", remedy: "root can open it, or 'chmod 666 \(path)' lets every user, as Debian does")
      }
    }
    if isRoot, let rights = effectiveRights, rights & (1 << Examination.networkRight) == 0 {
      return .wrong(
        "\(path) can be opened, and root lacks CAP_NET_ADMIN here, which an interface needs",
        remedy: isContainer ? Examination.containerRemedy : "grant it")
    }
    return .ok("\(path) can be opened")
  }

  private static let containerRemedy =
    "a container needs the device and a right: docker and podman take '--device /dev/net/tun --cap-add NET_ADMIN', "
    + "others the like"
  /// `CAP_NET_ADMIN` (capabilities(7)).
  private static let networkRight: UInt64 = 12

  private var isContainer: Bool {
    ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"].contains { paths.has($0) }
  }

  private var effectiveRights: UInt64? {
    let line = paths.read("/proc/thread-self/status")?.split(whereSeparator: \.isNewline).first {
      $0.hasPrefix("CapEff:")
    }
    return line.flatMap { UInt64($0.dropFirst("CapEff:".count).withoutBlanks, radix: 16) }
  }

  /// Whether IPv6 works on the daemon's interface. What is set for others is their owners' choice.
  func kernelIPv6() -> Check.Finding {
    switch namespaceFailure {
    case .notPermitted where !isRoot: return .skipped("only root can look into the interface's network namespace")
    case let failure?: return .wrong("\(failure)", remedy: "--netns names a namespace that is there")
    case nil: break
    }
    guard paths.has("/proc/sys/net/ipv6") else {
      return .wrong("the kernel has no IPv6", remedy: "start it without ipv6.disable=1")
    }
    let name = settings?.interface.name.description ?? instance.interface?.description ?? "\(InterfaceName.standard)"
    let find = { () -> Check.Finding in
      let key = "net.ipv6.conf.\(name).disable_ipv6"
      if isOn("/proc/sys/net/ipv6/conf/\(name)/disable_ipv6") {
        return .wrong("IPv6 is switched off on \(name)", remedy: "'sysctl -w \(key)=0' switches it on, there alone")
      }
      guard isOn("/proc/sys/net/ipv6/conf/default/disable_ipv6") else { return .ok("IPv6 works") }
      let directory = paths("/proc/sys/net/ipv6/conf")
      if isRoot, (try? SystemCall.requireAccess("\(directory)/default/disable_ipv6", W_OK)) == nil {
        return .wrong(
          "IPv6 is switched off on new interfaces, and \(directory) cannot be written",
          remedy: "let the daemon set \(key)=0, which it does for its own interface alone")
      }
      return .ok("IPv6 is switched off on new interfaces, and the daemon switches it on for \(name) alone")
    }
    guard settings != nil else { return find() }
    return inNamespace { _ in find() }
  }

  private func isOn(_ path: String) -> Bool { paths.line(path).map { $0 != "0" } ?? false }

  /// Whether the kernel has the algorithm that the routes to peers ask for.
  func congestionControl() -> Check.Finding {
    inNamespace { _ in
      let path = "/proc/sys/net/ipv4/tcp_available_congestion_control"
      guard let line = paths.line(path) else { return .skipped("\(paths(path)) cannot be read") }
      let available = line.split(separator: " ")
      guard available.contains("cubic") else {
        return .note(
          "the kernel has no cubic (it has \(line)), which is best through Tor", remedy: "'modprobe tcp_cubic' loads it"
        )
      }
      return .ok("cubic is there, for the routes to peers alone")
    }
  }

  /// Whether the clock is right, without which Tor does not connect.
  func clock() -> Check.Finding {
    clock(at: SystemCall.calendarTime.tv_sec, isSynchronized: SystemCall.isClockSynchronized)
  }

  /// The same for a time in seconds since 1970.
  func clock(at seconds: Int, isSynchronized: Bool) -> Check.Finding {
    // The average year of the Gregorian calendar: the first days of a year may count as the year before.
    let year = 1970 + seconds / 31_556_952
    guard (2025...2099).contains(year) else {
      return .wrong("the clock says that it is about \(year)", remedy: "'timedatectl set-ntp true' has it set")
    }
    guard isSynchronized || paths.has("/run/systemd/timesync/synchronized") else {
      return .note(
        "nothing is known to keep the clock right, and Tor needs it right within minutes",
        remedy: "'timedatectl set-ntp true' does, or look at it now and then")
    }
    return .ok("it is kept right")
  }
}
