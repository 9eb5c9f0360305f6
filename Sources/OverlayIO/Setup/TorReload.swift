import Glibc
import OverlayCore

/// Makes Tor read its configuration anew, after it was found valid.
public struct TorReload {
  private let places: SetupPlaces
  private let say: (String) -> Void

  /// For the Tor of these places. `say` gets what the operator has to know meanwhile, a line each.
  public init(_ places: SetupPlaces, say: @escaping (String) -> Void) { (self.places, self.say) = (places, say) }

  /// Why Tor does not read its configuration.
  public enum Failure: PermissionError, Equatable {
    /// Tor finds it invalid, for this reason.
    case invalid(String)
    /// A step failed.
    case system(SystemError)
    /// It could not be told, for this reason.
    case reload(String)

    /// Whether this user lacks a right.
    public var isDenied: Bool { if case .system(let error) = self { error.isDenied } else { false } }

    /// The line for the operator.
    public var description: String {
      switch self {
      case .invalid(let reason): "Tor does not accept its configuration so, and it is as it was before: \(reason)"
      case .system(let error): "\(error)"
      case .reload(let reason): "Tor has not read its configuration anew: \(reason); restart it by hand"
      }
    }
  }

  /// Writes a file, and appends the line to torrc that includes it, unless both are there, and lets Tor read them. What
  /// Tor does not accept is undone.
  public func apply(_ include: SetupPlan.Include) throws(Failure) {
    let (line, file) = (include.line, include.file)
    let before: [UInt8]
    let isNew: Bool
    do throws(SystemError) {
      before = try readFile(places.torrc, limit: 1 << 20)
      isNew = try file.standing() == .missing
      if isNew { try file.write() }
      if let line { try append(line, to: before) }
    } catch {
      throw .system(error)
    }
    do throws(Failure) {
      try verify(orPlain: isNew ? file : nil)
    } catch {
      if line != nil { try? replace(before) }
      if isNew { try? file.remove() }
      throw error
    }
    try reload()
  }

  /// Takes away what an earlier run has put into torrc to serve the lookup name, and lets Tor read the rest. What Tor
  /// does not accept is undone.
  public func remove(_ leftover: LookupLeftover) throws(Failure) {
    if let line = leftover.line {
      let before: [UInt8]
      do throws(SystemError) {
        before = try readFile(places.torrc, limit: 1 << 20)
        try replace(TorReload.without(line, before))
      } catch {
        throw .system(error)
      }
      do throws(Failure) {
        try verify()
      } catch {
        try? replace(before)
        throw error
      }
      try reload()
    }
    // Last: a torrc that includes it would be invalid without it.
    do throws(SystemError) { try leftover.file?.remove() } catch { throw .system(error) }
  }

  /// Returns the lines of torrc without this one, and without the comment that came with it.
  static func without(_ line: String, _ torrc: [UInt8]) -> [UInt8] {
    var kept: [ArraySlice<UInt8>] = []
    for text in torrc.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      guard PastedName.trimmed(String(decoding: text, as: UTF8.self)[...]) == line else {
        kept.append(text)
        continue
      }
      if let last = kept.last, last.elementsEqual(TorReload.comment.utf8) { kept.removeLast() }
    }
    return Array(kept.joined(separator: [UInt8(ascii: "\n")]))
  }

  private static let comment = "# By 'oncilla setup':"

  /// Verifies torrc, and once more with the plain text of a file that was written now.
  private func verify(orPlain file: SetupPlan.File?) throws(Failure) {
    do throws(Failure) {
      try verify()
    } catch {
      guard let file, file.plainText != nil else { throw error }
      do throws(SystemError) { try file.write(isPlain: true) } catch { throw .system(error) }
      try verify()
    }
  }

  private func append(_ line: String, to before: [UInt8]) throws(SystemError) {
    let gap = before.isEmpty || before.last == UInt8(ascii: "\n") ? "" : "\n"
    try replace(before + Array("\(gap)\(TorReload.comment)\n\(line)\n".utf8))
  }

  /// Puts another file in torrc's place, or in that of the file that it is a link to, whose owner and mode it has:
  /// whatever happens meanwhile, the old one is there or the new one.
  private func replace(_ content: [UInt8]) throws(SystemError) {
    let path = try SystemCall.resolve(places.torrc)
    let start = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    try OpenDirectory(String(path[..<start])).replace(String(path[start...]), with: content, for: .asBefore)
  }

  private func verify() throws(Failure) {
    var command = ["tor", "--verify-config", "-f", places.torrc]
    if SystemCall.exists(places.torDefaults) { command += ["--defaults-torrc", places.torDefaults] }
    // Started by root, Tor becomes its user by itself: what root checked and that user cannot read would be no check.
    if SystemCall.user == 0, UserFiles.hasUser(places.torUser) { command += ["--User", places.torUser] }
    let result = try run(command)
    guard result.status == 0 else {
      throw .invalid(TorReload.complaint(in: result.output))
    }
  }

  /// Returns the last line of Tor that is a warning or an error, and tells more than that there was one before.
  private static func complaint(in output: String) -> String {
    let lines = output.split(separator: "\n").map { $0.split(separator: " ") }
    for mark in ["[warn]", "[err]"] {
      let marked = lines.filter { $0.contains { $0 == mark } }
      if let line = marked.last(where: { !$0.suffix(4).elementsEqual(["See", "logs", "for", "details."]) })
        ?? marked.last
      {
        return line.drop { $0 != mark }.dropFirst().joined(separator: " ")
      }
    }
    return "tor --verify-config does not tell why"
  }

  private func reload() throws(Failure) {
    if places.hasSystemd {
      let unit = "tor@default.service"
      let reloaded = try run(["systemctl", "reload-or-restart", unit])
      if reloaded.status == 0 { return }
      // Debian's unit is reloaded by a program of the package procps, which need not be there.
      say(
        "Tor cannot be reloaded here (\(reloaded.line)): it is restarted, which cuts what goes through it."
      )
      let result = try run(["systemctl", "restart", unit])
      guard result.status == 0 else { throw .reload(result.line) }
      return
    }
    let text = (try? readFile(places.torProcess, limit: 64)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    guard let process = Int32(PastedName.trimmed(text[...])), process > 1 else {
      throw .reload("\(places.torProcess) does not tell its process")
    }
    do throws(SystemError) {
      try SystemCall.signal(SIGHUP, to: process)
    } catch {
      throw .reload("\(error)")
    }
  }

  private func run(_ arguments: [String]) throws(Failure) -> SystemCall.ProgramResult {
    do throws(SystemError) { return try SystemCall.run(arguments) } catch { throw .system(error) }
  }
}

extension SystemCall.ProgramResult {
  /// What the program wrote, in a line.
  public var line: String {
    output.split(whereSeparator: \.isNewline).map { String(PastedName.trimmed($0)) }.joined(separator: " ").singleLine
  }
}
