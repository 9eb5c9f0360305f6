import Glibc

@testable import OverlayCore
@testable import OverlayIO

/// Everything that reads files, of the operator, of Tor, or its own: none may crash, and what was read is the same when
/// it is written and read again.
enum FilesTarget {
  static func run(_ input: consuming FuzzInput) {
    Fuzz.events += 1
    switch input.byte() % 12 {
    case 0: configuration(input.all())
    case 1: peers(input.all())
    case 2: names(&input)
    case 3: identities(input.all())
    case 4: keys(&input)
    case 5: invitation(input.all())
    case 6: hostsBlock(&input)
    case 7: torrc(input.all())
    case 8: hostname(input.all())
    case 9: users(input.all())
    case 10: onionCat(input.all())
    default: doorRule(input.all())
    }
  }

  // MARK: - The operator's

  private static func configuration(_ content: [UInt8]) {
    do throws(SettingError) {
      let given = try ConfigurationFile.read(content, of: "file")
      let settings = try RunSettings(given.entries, for: .standard)
      check(!settings.daemon.identities.isEmpty, "a daemon that is nobody")
      let shown = given.entries.map { ShownSetting($0.setting, $0.value).line + "\n" }.joined()
      // What is secret is not shown, and what lies behind a heading is shown without it.
      guard !given.entries.contains(where: { $0.setting.isSecret }) else { return }
      let again = try ConfigurationFile.read(Array(shown.utf8), of: "file")
      let isSame = try RunSettings(again.entries, for: .standard) == settings
      check(isSame, "a configuration is another when it is read again")
    } catch {
      isOneLine("\(error)")
    }
  }

  private static func peers(_ content: [UInt8]) {
    do throws(SettingError) {
      let given = try ConfigurationFile.read(content, of: "file", ofPeersAlone: true)
      let known: Set<String> = ["peer", "route", "peer-key", "peer-authenticate"]
      check(given.entries.allSatisfy { known.contains($0.setting.name) }, "a file of peers says more")
    } catch {
      isOneLine("\(error)")
    }
  }

  private static func invitation(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let invitation = try? Invitation(text) else { return }
    check((try? Invitation(invitation.line)) == invitation, "an invitation is another when it is read again")
  }

  private static func doorRule(_ bytes: [UInt8]) {
    guard let rule = try? WrittenDoorRule(String(decoding: bytes, as: UTF8.self)) else { return }
    let text = "\(rule.subject)" + (rule.callers.map { " from \($0.joined(separator: ","))" } ?? "")
    check((try? WrittenDoorRule(text)) == rule, "a rule is another when it is read again")
  }

  private static func onionCat(_ bytes: [UInt8]) {
    let words = bytes.split(separator: 0x20).prefix(200).map { String(decoding: $0, as: UTF8.self) }
    let text = OnionCatCommand(words).text
    let isValid = (try? ConfigurationFile.read(Array(text.utf8), of: "file")) != nil
    check(isValid, "what is made of a command line is no configuration:\n\(text)")
  }

  // MARK: - Its own

  private static func names(_ input: inout FuzzInput) {
    let isChecked = input.flag()
    var text = input.all()
    if isChecked {
      // Nobody guesses a check: the lines get one.
      text = text.split(separator: 10).flatMap { line in
        let fields = String(decoding: line, as: UTF8.self)
        return Array("\(fields) \(NameFile.check(of: fields))\n".utf8)
      }
    }
    var names: [RememberedName] = []
    _ = NameFile.read(text) { names.append($0) }
    let written = names.map { NameFile.line(of: $0) + "\n" }.joined()
    var again: [RememberedName] = []
    check(NameFile.read(Array(written.utf8)) { again.append($0) } == 0, "what is written is damaged")
    check(again == names, "a file of names is another when it is read again")
  }

  private static func identities(_ text: [UInt8]) {
    if let identity = try? StoredIdentity(parsing: text) {
      check((try? StoredIdentity(parsing: identity.text)) == identity, "an identity is another when it is read again")
    }
    if let backup = try? IdentityBackup(parsing: text) {
      check((try? IdentityBackup(parsing: backup.text)) == backup, "a backup is another when it is read again")
    }
  }

  private static func keys(_ input: inout FuzzInput) {
    let (secret, name) = (Int(input.byte()), Int(input.byte()))
    var rest = input.all()
    let secretKey = Array(rest.prefix(secret))
    rest.removeFirst(secretKey.count)
    let publicKey = Array(rest.dropLast(min(name, rest.count)))
    rest.removeFirst(publicKey.count)
    let files = TorKeyFiles(secretKey: secretKey, publicKey: publicKey, hostname: rest)
    guard let identity = try? files.identity() else { return }
    check((try? TorKeyFiles(identity).identity()) == identity, "an identity is another when it is read again")
  }

  private static func hostsBlock(_ input: inout FuzzInput) {
    let block = HostsBlock((0..<input.choice(4)).map { "192.0.2.\($0) name" }, of: "oncilla0")
    let file = input.all()
    do throws(HostsBlock.Problem) {
      let placed = try block.placed(in: file)
      check(try block.placed(in: placed) == placed, "a block moves when it is placed again")
      let without = try HostsBlock([], of: "oncilla0").placed(in: placed)
      check(try HostsBlock([], of: "oncilla0").placed(in: without) == without, "a block is left")
    } catch {
      isOneLine("\(error)")
    }
  }

  // MARK: - Those of other programs

  private static func torrc(_ bytes: [UInt8]) {
    let root = FuzzFiles.write(bytes, as: "torrc")
    let torrc = TorConfiguration(["/torrc"], in: DoctorPaths(below: root))
    // A file that includes itself is read again, up to the bound of files.
    check(torrc.services.count <= TorConfiguration.mostFiles * bytes.count, "services that nobody wrote")
    _ = torrc.services.map { ($0.directory.count, $0.ports.map { $0.target.map { "\($0)" } }) }
  }

  private static func hostname(_ bytes: [UInt8]) {
    let path = FuzzFiles.write(bytes, as: "hostname") + "/hostname"
    do throws(HostnameFileError) {
      let name = try HostnameFile.read(path)
      check((try? OnionName("\(name)")) == name, "a name is another when it is read again")
    } catch {
      isOneLine("\(error)")
    }
  }

  private static func users(_ bytes: [UInt8]) {
    let path = FuzzFiles.write(bytes, as: "users") + "/users"
    let account = UserFiles.account("oncilla", users: path, groups: path)
    check((account?.groups.count ?? 0) <= 65_536, "more groups than the kernel takes")
    _ = UserFiles.user(0, in: path)
  }

  private static func isOneLine(_ message: String) {
    check(!message.utf8.contains { $0 < 0x20 || $0 == 0x7f }, "an error is not one line: \(message.debugDescription)")
  }
}

/// Files for what reads by a path.
enum FuzzFiles {
  private static let directory: String = {
    var name = Array("/tmp/oncilla-fuzz-XXXXXX".utf8CString)
    guard mkdtemp(&name) != nil else { fatalError("no directory for files") }
    let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    atexit { FuzzFiles.remove() }
    return path
  }()

  /// Writes a file of this content and name, and returns the directory that it is in.
  static func write(_ bytes: [UInt8], as name: String) -> String {
    let file = open("\(directory)/\(name)", O_CREAT | O_TRUNC | O_WRONLY, 0o600)
    guard file >= 0, bytes.withUnsafeBytes({ Glibc.write(file, $0.baseAddress, $0.count) }) == bytes.count else {
      fatalError("no file \(name)")
    }
    close(file)
    return directory
  }

  private static func remove() {
    for name in ["torrc", "hostname", "users"] { unlink("\(directory)/\(name)") }
    rmdir(directory)
  }
}
