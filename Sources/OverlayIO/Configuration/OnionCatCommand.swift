import OverlayCore

/// The command line of OnionCat 4 (ocat(1)), and the configuration that does the same.
public struct OnionCatCommand {
  /// The file of names that OnionCat reads unless it is told otherwise.
  static let hostsFile = "/etc/tor/onioncat.hosts"
  /// Where the name is likely to be, by OnionCat's manual.
  static let hostnameFile = "/var/lib/tor/hidden_service/hostname"

  private var lines: [String] = []
  private var given = GivenSettings()
  private var isForeground = false
  private var log: String?
  private var hosts: String? = OnionCatCommand.hostsFile
  private var names: [String] = []

  /// Reads a command line, with the name of the program or without.
  public init(_ arguments: [String]) {
    var rest = arguments[...]
    if let first = rest.first, ["ocat", "gcat", "onioncat"].contains(first.split(separator: "/").last ?? "") {
      rest.removeFirst()
    }
    var areOptions = true
    while let argument = rest.popFirst() {
      if areOptions, argument == "--" {
        areOptions = false
      } else if areOptions, argument.hasPrefix("-"), argument.count > 1 {
        readOptions(argument.dropFirst(), &rest)
      } else {
        names.append(argument)
      }
    }
    finish()
  }

  /// The configuration: a valid file.
  public var text: String { lines.map { $0.singleLine + "\n" }.joined() }

  /// Reads the letters of one argument. One that takes a value has it in the rest of the argument, or in the next one.
  private mutating func readOptions(_ letters: Substring, _ rest: inout ArraySlice<String>) {
    var letters = letters
    while let letter = letters.popFirst() {
      guard "5defgilLosPtTu".contains(letter) else {
        readFlag(letter)
        continue
      }
      // What -P takes may be left out.
      let next = letter == "P" && rest.first?.hasPrefix("-") == true ? nil : rest.first
      let value = letters.isEmpty ? next : String(letters)
      if letters.isEmpty, next != nil { rest.removeFirst() }
      guard let value else { return note(letter, letter == "P" ? pidFile : "its value is missing") }
      return readOption(letter, value)
    }
  }

  private mutating func readFlag(_ letter: Character) {
    switch letter {
    case "4":
      set("ipv4", "yes", letter)
      lines.append("# IPv4 goes to prefixes: 'route' below the heading of a peer, and 'serve' here, say which")
    case "p": set("mode", "tap", letter)
    case "B": isForeground = true
    case "b": note(letter, "the service manager keeps the daemon in the background")
    case "H", "2":
      hosts = nil
      if letter == "2" { note(letter, "it stands for -D -H -S of OnionCat 3: no hosts file is read") }
    case "a": note(letter, "calls are counted and not logged one by one; 'log-level = info' tells more")
    case "C": note(letter, "there is no port for control that could be closed: the control socket is a file")
    case "D": note(letter, "names are asked for nowhere but in the hosts file and in what peers say")
    case "S": note(letter, "no peer is answered which asks for names")
    case "J": note(letter, "names are always checked: the address must be that of the name")
    case "I": note(letter, "I2P is not supported, only Tor")
    case "r": note(letter, "the service manager decides as whom the daemon runs")
    case "R": note(letter, "an onion service is needed, as peers call back")
    case "U": note(letter, "packets go along circuits that this host dialled, as without -U")
    case "h": note(letter, "'oncilla --help' does that")
    default: note(letter, "OnionCat 4 has no such option")
    }
  }

  private mutating func readOption(_ letter: Character, _ value: String) {
    switch letter {
    case "l" where value == "none": note(letter, "without a listener no peer can call; one stays at 127.0.0.1:8060")
    case "l": set("listen", value.contains(":") ? value : "127.0.0.1:" + value, letter)
    case "t" where value == "none": note(letter, "a daemon without Tor has nothing to do")
    case "t": set("socks", OnionCatCommand.socks(value), letter)
    case "s": set("service-port", value, letter)
    case "g": hosts = value
    case "L": log = value
    case "5" where value == "socks5": note(letter, "Tor is asked by SOCKS4a, which does the same")
    case "5": note(letter, "no packet ever leaves but through Tor")
    case "d": note(letter, "'log-level = debug' is the most that is logged")
    case "e" where value.hasPrefix("/"):
      lines.append("# the interface is set up already when a hook runs, which has OnionCat's variables")
      set("hook", "up=" + value, letter)
    case "e": note(letter, "the daemon sets its interface up; 'hook = up=PATH' runs a program then, by its whole path")
    case "f": note(letter, "the lines of \(value) are options: give them to 'oncilla migrate', too")
    case "i": note(letter, "'oncilla address \(value)' does that")
    case "o": note(letter, "'oncilla name \(value)' does that")
    case "P": note(letter, pidFile)
    case "T": note(letter, "the device is /dev/net/tun; 'interface = NAME' names the interface")
    case "u": note(letter, "the service manager decides as whom the daemon runs: User= of the unit")
    default: note(letter, "OnionCat 4 has no such option")
    }
  }

  private var pidFile: String { "the service manager knows the process" }

  private mutating func finish() {
    lines.append("# as with OnionCat, whoever knows the name reaches every port that listens here; without this line")
    lines.append("# pings and answers come in, and what other rules say, such as 'allow-in = tcp/22'")
    set("allow-in", "any", "i")
    if let hosts { set("hosts", hosts, "g") }
    if let log {
      set("log", log == "syslog" || log.contains("/") ? log : "./" + log, "L")
    } else if !isForeground {
      set("log", "syslog", "L")
    }
    name()
    lines.append("# OnionCat believes whoever calls. So does this, after a minute without a proof: anybody can claim")
    lines.append("# to be a peer then. 'strict' lets in what is proven alone; an OnionCat answers pings for that")
    set("authenticate", "legacy", "i")
    for extra in names.dropFirst() { lines.append("# '\(extra.quotedLine())': OnionCat takes one name") }
  }

  /// Who this host is. OnionCat takes the end of a name of version 3, too.
  private mutating func name() {
    if let text = names.first {
      if let name = try? PastedName(text[...]).name, !name.isVersion2 { return set("onion", name.description, "i") }
      lines.append(
        "# '\(text.quotedLine())' is not the whole name of version 3, which is needed: Tor's hostname file has it,")
      lines.append("# the one of the HiddenServiceDir; this is where it often is")
    } else {
      lines.append(
        "# who this host is: Tor's hostname file, the one of the HiddenServiceDir; this is where it often is")
    }
    set("hostname-file", OnionCatCommand.hostnameFile, "i")
  }

  /// Adds a line, if its value is accepted.
  private mutating func set(_ name: String, _ text: String, _ letter: Character) {
    guard let setting = Setting.all.first(where: { $0.name == name }) else { return }
    guard let line = INIFile.line(name, text) else {
      lines.append("# -\(letter): '\(text.quotedLine())' cannot stand in a file, where '#' or ';' begins a comment")
      return
    }
    do throws(SettingError) {
      try given.add(setting, GivenValue(text, from: .option("-\(letter)")))
      lines.append(line)
    } catch {
      lines.append("# \(error)")
    }
  }

  private mutating func note(_ letter: Character, _ reason: String) {
    lines.append("# -\(letter) has no counterpart: \(reason)")
  }

  /// The address of Tor's port, of which OnionCat accepts either half.
  private static func socks(_ text: String) -> String {
    if text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) { return "127.0.0.1:" + text }
    if text.hasPrefix("[") { return text.hasSuffix("]") ? text + ":9050" : text }
    return text.contains(":") ? text : text + ":9050"
  }
}
