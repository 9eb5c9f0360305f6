/// The files that let a program ask the daemon about names, and nobody else: neither the host's name servers, nor
/// another program of the host, such as systemd-resolved, at a UNIX socket, which no network namespace keeps apart.
public struct OverlayResolver {
  private let address: String
  private let zone: String

  /// A daemon that answers in its namespace at one of `places`, as replies of the control socket tell them; `nil` if it
  /// does not at port 53, where alone programs look.
  public init?(_ places: [String], zone: String) {
    let hosts = ["127.0.0.1:53": "127.0.0.1", "[::1]:53": "::1"]
    guard let address = places.compactMap({ hosts[$0] }).first else { return nil }
    (self.address, self.zone) = (address, zone)
  }

  /// The text of resolv.conf(5).
  var configuration: String { "# Mounted by oncilla exec.\nnameserver \(address)\nsearch \(zone)\n" }

  /// The text of nsswitch.conf(5) that has names of hosts looked for in files and by DNS, and is else as it was.
  static func services(_ text: String) -> String {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    lines.removeAll { $0.drop { $0 == " " || $0 == "\t" }.hasPrefix("hosts:") }
    if lines.last?.isEmpty == true { lines.removeLast() }
    return (lines + ["hosts: files dns"]).map { $0 + "\n" }.joined()
  }

  /// Mounts them over those of the host. The mounts have to be the process's own. `/sys` is taken away meanwhile.
  func mount() throws(SystemError) {
    let place = "/sys"
    var files = [("/etc/resolv.conf", configuration)]
    if let text = try? readFile("/etc/nsswitch.conf") {
      files.append(("/etc/nsswitch.conf", OverlayResolver.services(String(decoding: text, as: UTF8.self))))
    }
    try SystemCall.mount("tmpfs", at: place)
    for (number, (path, text)) in files.enumerated() where SystemCall.exists(path) {
      try OpenDirectory(place).replace("\(number)", with: text, for: .everybody)
      try SystemCall.mount("\(place)/\(number)", over: path)
    }
    try SystemCall.unmount(place)
  }
}
