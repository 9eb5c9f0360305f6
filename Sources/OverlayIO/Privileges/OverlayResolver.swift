/// The files that let a program ask the daemon about names, and nobody else: neither the host's name servers, nor
/// another program of the host, such as systemd-resolved, at a UNIX socket, which no network namespace keeps apart.
public struct OverlayResolver {
  private let address: String?
  private let zone: String

  /// A daemon that answers at these places, as replies of the control socket tell them. Programs look at port 53 of its
  /// namespace alone.
  public init(_ places: [String], zone: String) {
    let hosts = ["127.0.0.1:53": "127.0.0.1", "[::1]:53": "::1"]
    (address, self.zone) = (places.compactMap { hosts[$0] }.first, zone)
  }

  /// The text of resolv.conf(5); `nil` for that of the host, where the daemon does not answer. Its name servers are
  /// reached if a peer leads to them.
  var configuration: String? {
    address.map { "# Mounted by oncilla exec.\nnameserver \($0)\nsearch \(zone)\n" }
  }

  /// The text of nsswitch.conf(5) that has names of hosts looked for in files and by DNS, and is else as it was. Where
  /// the daemon does not answer by DNS, the module for the C library does if it is there.
  func services(_ text: String) -> String {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    lines.removeAll { $0.drop { $0 == " " || $0 == "\t" }.hasPrefix("hosts:") }
    if lines.last?.isEmpty == true { lines.removeLast() }
    let hosts: Substring = address == nil ? "hosts: files oncilla [NOTFOUND=return] dns" : "hosts: files dns"
    return (lines + [hosts]).map { $0 + "\n" }.joined()
  }

  /// Shows them in the place of those of the host. The mounts have to be the process's own. `/sys` is taken away
  /// meanwhile.
  ///
  /// They are a layer over the whole directory: a mount over one file is gone once the host replaces that, as it does
  /// with resolv.conf at each new lease, and the program would ask the host's name servers from then on.
  func mount() throws(SystemError) {
    let (place, directory) = ("/sys", "/etc")
    let layer = place + directory
    try SystemCall.mount("tmpfs", at: place)
    _ = try SystemCall.makeDirectory(layer, mode: 0o755)
    let files = try OpenDirectory(layer)
    try files.setMode(0o755)
    for (name, text) in try texts(in: directory) { try files.replace(name, with: text, for: .everybody) }
    try SystemCall.mount(layer, over: directory)
    // The cache of the C library's names asks what the host does.
    let cache = "/run/nscd"
    if SystemCall.exists(cache) { try SystemCall.mount("tmpfs", at: cache) }
    try SystemCall.unmount(place)
  }

  /// The files that are others than those of the directory itself.
  private func texts(in directory: String) throws(SystemError) -> [String: String] {
    var texts: [String: String] = [:]
    // What is mounted in the directory, as in a container, no layer over it shows.
    for name in ["hosts", "hostname", "resolv.conf"] {
      let path = "\(directory)/\(name)"
      guard let status = try SystemCall.look(at: path), status.st_dev != (try SystemCall.status(at: directory)).st_dev,
        let bytes = try? readFile(path)
      else { continue }
      texts[name] = String(decoding: bytes, as: UTF8.self)
    }
    if let configuration { texts["resolv.conf"] = configuration }
    let text = (try? readFile("\(directory)/nsswitch.conf")) ?? []
    texts["nsswitch.conf"] = services(String(decoding: text, as: UTF8.self))
    return texts
  }
}
