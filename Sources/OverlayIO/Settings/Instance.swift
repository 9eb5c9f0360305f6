import OverlayCore

/// One of the daemons of a host. The standard one has no name. Each has its own configuration, state, control socket,
/// interface and listeners, and nothing of another's: two that shared peers or keys would be known to belong together.
public struct Instance: Hashable, Sendable {
  /// The name, 1 to 32 lower-case letters, digits and inner hyphens; `nil` for the standard one.
  public let name: String?

  /// The one that commands mean when none is named.
  public static let standard = Instance(unchecked: nil)

  /// The names of what the standard instance keeps in its state directory, where others have theirs.
  static let reserved: Set<String> = [
    "mac", "leases", "keys", "key", "identities", "identity", "invitations", "state", "hosts", "names", "tor",
  ]

  /// Makes the instance of this name. Throws what is accepted.
  public init(_ name: String) throws(SettingValue.Refusal) {
    guard (1...32).contains(name.utf8.count), name.utf8.allSatisfy(Instance.isAllowed), !name.hasPrefix("-"),
      !name.hasSuffix("-")
    else { throw SettingValue.Refusal("1 to 32 lower-case letters, digits and inner hyphens are accepted") }
    guard !Instance.reserved.contains(name) else {
      throw SettingValue.Refusal("this name is reserved: the daemon without a name keeps a file of this name")
    }
    // "oncilla-NAME-lookup.conf" is the file of instance NAME for Tor.
    guard name != "lookup", !name.hasSuffix("-lookup") else {
      throw SettingValue.Refusal("names that end in \"lookup\" are reserved for the lookup services of other instances")
    }
    self.init(unchecked: name)
  }

  private init(unchecked name: String?) { self.name = name }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
    default: false
    }
  }

  private var suffix: String { name.map { "/" + $0 } ?? "" }

  /// The directory of `oncilla.conf`, `conf.d` and `peers.d`.
  public var configurationDirectory: String { "/etc/oncilla" + suffix }
  /// Where the instance keeps what must be remembered, unless `state-dir` says otherwise.
  public var stateDirectory: String { "/var/lib/oncilla" + suffix }
  /// The control socket, unless `control` says otherwise.
  public var controlSocket: String { "/run/oncilla\(suffix)/control.sock" }

  /// The interface, unless `interface` says otherwise: `oncilla0`, or `onc-NAME`; `nil` where the name is too long for
  /// that.
  public var interface: InterfaceName? {
    guard let name else { return .standard }
    return InterfaceName("onc-" + name)
  }

  /// The program's name, for a command that means this instance: `oncilla -i NAME`.
  public var program: String { name.map { "oncilla -i " + $0 } ?? "oncilla" }

  /// The service that runs it, as systemctl takes it: `oncilla`, or `oncilla@NAME`.
  public var service: String { name.map { "oncilla@" + $0 } ?? "oncilla" }

  /// Returns a text in which each command that it advises, `'oncilla COMMAND'`, is for this instance.
  public func advised(_ text: String) -> String {
    guard name != nil else { return text }
    let (general, own) = ("'\(Instance.standard.program) ", "'\(program) ")
    var (rest, result) = (text[...], "")
    while let first = rest.first {
      if !rest.hasPrefix(own), rest.hasPrefix(general) {
        result += own
        rest = rest.dropFirst(general.count)
      } else {
        result.append(first)
        rest.removeFirst()
      }
    }
    return result
  }

  /// Returns the value of a setting that counts where none is given, as it would be written; `nil` if there is none.
  public func defaultText(of setting: Setting) -> String? {
    if setting.name == "socks" { return "\(SocketAddress.standardSOCKS)" }
    guard name != nil else { return setting.defaultText }
    switch setting.name {
    case "interface": return interface?.description
    case "state-dir": return stateDirectory
    case "control": return controlSocket
    default: return setting.defaultText
    }
  }
}
