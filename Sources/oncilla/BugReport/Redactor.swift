import OverlayCore
import OverlayIO

/// Takes out of texts who somebody is: names, addresses, keys and paths become others, the same always the same, so
/// that a reader can still follow who is meant. What it does not know it takes for a secret if it looks like one.
struct Redactor {
  /// What is replaced as it stands, in lower case, by its first byte.
  private var known: [UInt8: [(text: [UInt8], alias: String)]] = [:]
  private var aliases: [String: String] = [:]
  private var counts: [String: Int] = [:]

  /// Replaces this text, wherever it stands by itself and in whatever case.
  mutating func know(_ text: String, as alias: String) {
    let key = text.lowercased()
    guard let first = key.utf8.first, aliases[key] == nil else { return }
    aliases[key] = alias
    known[first, default: []].append((Array(key.utf8), alias))
    // The longest that fits is meant: a name with its suffix and not without.
    known[first]?.sort { $0.text.count > $1.text.count }
  }

  /// Replaces the name, the label and the address of somebody.
  mutating func know(_ name: OnionName, as alias: String) {
    know("\(name)", as: alias + ".onion")
    know(name.label, as: alias)
    know(String(name.label.suffix(OverlayNetwork.labelCharactersInAddress)), as: alias)
    know("\(name.address)", as: alias + "-address")
  }

  /// Returns the alias that stands for this text of this kind, a new one for a new text.
  private mutating func alias(_ text: String, _ kind: String) -> String {
    let key = text.lowercased()
    if let alias = aliases[key] { return alias }
    counts[kind, default: 0] += 1
    let alias = "\(kind)-\(counts[kind, default: 0])"
    aliases[key] = alias
    return alias
  }

  /// Returns a line without what tells who somebody is.
  mutating func redact(_ line: String) -> String {
    let line = replaceKnown(line)
    var result = ""
    var run: [UInt8] = []
    for byte in line.utf8 {
      if Redactor.isOfRun(byte) {
        run.append(byte)
        continue
      }
      result += redactRun(String(decoding: run, as: UTF8.self))
      run = []
      result.unicodeScalars.append(byte < 0x80 ? Unicode.Scalar(byte) : "?")
    }
    return result + redactRun(String(decoding: run, as: UTF8.self))
  }

  /// Replaces what is known, where neither a letter nor a digit is beside it.
  private func replaceKnown(_ line: String) -> String {
    let bytes = Array(line.utf8)
    let folded = bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      let isStart = index == 0 || !Redactor.isAlphanumeric(bytes[index - 1])
      let match =
        !isStart
        ? nil
        : known[folded[index]]?.first { entry in
          let end = index + entry.text.count
          guard end <= bytes.count, folded[index..<end].elementsEqual(entry.text) else { return false }
          return end == bytes.count || !Redactor.isAlphanumeric(bytes[end])
        }
      if let match {
        result += match.alias.utf8
        index += match.text.count
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// Redacts what has no blanks, quotes or brackets inside.
  private mutating func redactRun(_ run: String) -> String {
    let end = run.lastIndex { $0 != "." && $0 != ":" }.map { run.index(after: $0) } ?? run.startIndex
    let (text, punctuation) = (String(run[..<end]), String(run[end...]))
    // An address may end with two colons.
    if IPv6Address(run) != nil { return redactAddress(run) }
    if text.isEmpty { return run }
    if text.hasPrefix("unix:/") { return "unix:" + redactPath(String(text.dropFirst(5))) + punctuation }
    if text.hasPrefix("/") { return redactPath(text) + punctuation }
    if let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") {
      return text[..<colon] + "://" + redactRun(String(text[colon...].dropFirst(3))) + punctuation
    }
    let pieces = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    if pieces.count > 1, pieces.contains(where: Redactor.looksSecret) {
      let redacted = pieces.map { Redactor.looksSecret($0) ? "(secret)" : redactRun($0) }
      return redacted.joined(separator: ":") + punctuation
    }
    if let slash = text.firstIndex(of: "/") {
      if Redactor.looksSecret(text) { return "(secret)" + punctuation }
      let (before, after) = (String(text[..<slash]), String(text[text.index(after: slash)...]))
      return redactRun(before) + "/" + redactRun(after) + punctuation
    }
    return redactPiece(text) + punctuation
  }

  private mutating func redactPiece(_ text: String) -> String {
    if IPv6Address(text) != nil || IPv4Address(text) != nil { return redactAddress(text) }
    if MACAddress(text) != nil { return alias(text, "mac") }
    if text.contains(":") {
      return text.split(separator: ":", omittingEmptySubsequences: false).map { redactPiece(String($0)) }
        .joined(separator: ":")
    }
    if Redactor.looksSecret(text) { return "(secret)" }
    return text.split(separator: ".", omittingEmptySubsequences: false).map { redactWord(String($0)) }
      .joined(separator: ".")
  }

  /// Every name of an onion service becomes another, that of one who is only met in the log, too.
  private mutating func redactWord(_ word: String) -> String {
    let isName = word.utf8.count == 56 || word.utf8.count == OverlayNetwork.labelCharactersInAddress
    let isBase32 = word.lowercased().utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "2")...UInt8(ascii: "7")).contains(byte)
    }
    if isName, isBase32 { return alias(word, "onion") }
    return Redactor.looksSecret(word) ? "(secret)" : word
  }

  private mutating func redactAddress(_ text: String) -> String {
    if let address = IPv6Address(text) {
      let network = OverlayNetwork.tor
      let common = [network.prefix.address, network.localResponder, network.circuitResponder, .unspecified]
      return common.contains(address) || address.isLoopback ? text : alias("\(address)", "address")
    }
    guard let address = IPv4Address(text) else { return text }
    // No host has an address that begins with 0; versions of Tor look like one.
    return [0, 127].contains(address.value >> 24) ? text : alias(text, "address")
  }

  /// The parts of a path that every Debian has stay.
  private mutating func redactPath(_ path: String) -> String {
    path.split(separator: "/", omittingEmptySubsequences: false).map { part in
      // A line number may follow.
      let pieces = part.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
      let name = pieces[0]
      let isCommon = name.isEmpty || Redactor.commonParts.contains(name)
      return ([isCommon ? name : alias(name, "file")] + pieces.dropFirst()).joined(separator: ":")
    }.joined(separator: "/")
  }

  private static let commonParts: Set<String> = [
    "var", "lib", "tor", "oncilla", "run", "etc", "dev", "net", "tun", "null", "log", "tmp", "proc", "sys", "home",
    "root",
    "usr", "bin", "local", "share", "hostname", "control", "control.sock", "control.authcookie", "socks", "conf.d",
    "peers.d", "oncilla.conf", "10-setup.conf", "netns", "credentials", "oncilla.service", "oncilla.log", "torrc",
    "hosts", "state", "leases", "mac", "systemd", "ipv6", "conf", "disable_ipv6",
  ]

  /// Whether a text is as long as keys are, and as mixed.
  private static func looksSecret(_ text: String) -> Bool {
    guard text.utf8.count >= 24 else { return false }
    var (letters, digits) = (0, 0)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digits += 1
      case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "_"): break
      case _ where isAlphanumeric(byte): letters += 1
      default: return false
      }
    }
    return letters > 0 && digits > 1
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    default: false
    }
  }

  private static func isOfRun(_ byte: UInt8) -> Bool {
    isAlphanumeric(byte) || [":", ".", "/", "+", "-", "_"].contains(Character(Unicode.Scalar(byte)))
  }
}
