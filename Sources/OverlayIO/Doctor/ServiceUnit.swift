/// The service of systemd that runs the daemon of an instance: what its unit and its drop-ins say of its user and of
/// the files that it is given.
struct ServiceUnit {
  /// The name of the unit: `oncilla.service`.
  let name: String
  /// Whether there is such a unit.
  let isInstalled: Bool
  /// The name of its user; `nil` for root.
  private(set) var user: String?
  /// The groups that its user has beside those of the system.
  private(set) var groups: [String] = []
  /// The files that it is given in its directory of credentials: their names there, and where they are from.
  private(set) var credentials: [(name: String, source: String)] = []

  private static let directories = [
    "/usr/lib/systemd/system", "/lib/systemd/system", "/usr/local/lib/systemd/system", "/run/systemd/system",
    "/etc/systemd/system",
  ]

  /// Reads the unit of an instance.
  init(of instance: Instance, in paths: DoctorPaths) {
    let template = instance.name == nil ? "oncilla.service" : "oncilla@.service"
    name = instance.name.map { "oncilla@\($0).service" } ?? template
    let names = template == name ? [name] : [template, name]
    let file = ServiceUnit.directories.reversed().lazy.flatMap { directory in
      names.reversed().map { "\(directory)/\($0)" }
    }.first { paths.has($0) }
    isInstalled = file != nil
    guard let file else { return }
    read(paths.read(file) ?? "")
    for name in names {
      for directory in ServiceUnit.directories.map({ "\($0)/\(name).d" }) {
        for drop in paths.names(in: directory) where drop.hasSuffix(".conf") {
          read(paths.read("\(directory)/\(drop)") ?? "")
        }
      }
    }
  }

  /// Where the file is from that the service has at `path`, if that is in its directory of credentials.
  func source(ofCredential path: String) -> String? {
    guard let name = credential(at: path) else { return nil }
    return credentials.last { $0.name == name }?.source
  }

  /// The name of the credential that `path` is; `nil` if it is another file.
  func credential(at path: String) -> String? {
    let directory = "/run/credentials/\(name)/"
    return path.hasPrefix(directory) ? String(path.dropFirst(directory.count)) : nil
  }

  private mutating func read(_ text: String) {
    for line in text.split(whereSeparator: \.isNewline) {
      guard let equals = line.firstIndex(of: "=") else { continue }
      let value = line[line.index(after: equals)...].withoutBlanks
      switch line[..<equals].withoutBlanks {
      case "User": user = value.isEmpty || value == "root" || value == "0" ? nil : value
      case "SupplementaryGroups":
        groups = value.isEmpty ? [] : groups + value.split(separator: " ").map(String.init)
      case "LoadCredential", "LoadCredentialEncrypted":
        let parts = value.split(separator: ":", maxSplits: 1).map(String.init)
        if parts.count == 2 { credentials.append((parts[0], parts[1])) }
      default: break
      }
    }
  }
}
