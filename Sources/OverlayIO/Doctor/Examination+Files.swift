import Glibc
import OverlayCore

/// The files that the daemon reads and writes.
extension Examination {
  /// Whether the configuration is valid, as `oncilla run` reads it.
  func configurationFiles() -> Check.Finding {
    switch configuration {
    case .success(let configuration):
      let count = configuration.files.count
      let text = "\(count) file\(count == 1 ? " is" : "s are") valid"
      guard let warning = configuration.warnings.first else { return .ok(text) }
      let rest = configuration.warnings.count - 1
      return .note(text + ", and \(warning)" + (rest > 0 ? ", and \(rest) more such" : ""), remedy: "do so")
    case .failure(.unreadable(let error)) where error.isDenied:
      return .skipped("\(error): only root and the group oncilla may read it")
    case .failure(.unnamed), .failure(.nameless):
      return .wrong("nothing tells who this host is", remedy: "'\(instance.program) setup' makes it somebody")
    case .failure(let error):
      return .wrong("\(error)", remedy: "'\(instance.program) check-config' tells whether it is well then")
    }
  }

  /// Whether the daemon can keep what it must remember, and nobody else can change that.
  func stateDirectory() -> Check.Finding {
    guard let settings else { return .skipped(noConfiguration) }
    guard let path = settings.stateDirectory else { return .ok("nothing is ever kept (--state-dir none)") }
    let status: stat
    do throws(SystemError) {
      status = try SystemCall.status(at: path)
    } catch {
      if error.isDenied, !isRoot { return .skipped("only root can tell: \(error)") }
      guard error.number == ENOENT else { return .wrong("\(error)", remedy: "--state-dir names another") }
      return missingStateDirectory(path)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      return .wrong("\(path) is no directory", remedy: "--state-dir names another")
    }
    if status.st_mode & 0o022 != 0 {
      return .wrong("\(path) can be written by others than its owner", remedy: "'chmod 700 \(path)' ends that")
    }
    if status.st_uid != 0, status.st_uid != user.number, user.number != 0 {
      return .wrong(
        "\(path) belongs to user \(status.st_uid), and the daemon runs as \(user.name)",
        remedy: "'chown -R \(user.name): \(path)' gives it to it")
    }
    guard user.isKnown else { return .skipped("only root can tell what \(user.name) can write to \(path)") }
    if let obstacle = user.obstacle(path, W_OK | X_OK) {
      return .wrong(
        "\(user.name), as which the daemon runs, cannot write to it: \(obstacle)",
        remedy: obstacle.number == EROFS
          ? "--state-dir names one that is not read-only" : "'chown -R \(user.name): \(path)' gives it to it")
    }
    if let space = try? SystemCall.space(at: path), space.bytes < 1 << 20 || space.files < 16 {
      return .wrong("there is no space left for \(path)", remedy: "make some: 1 MiB is enough")
    }
    if status.st_mode & 0o055 != 0 {
      return .note("\(path) can be read by others than its owner", remedy: "'chmod 700 \(path)' ends that")
    }
    return .ok("\(path) can be written by \(user.name)")
  }

  private func missingStateDirectory(_ path: String) -> Check.Finding {
    if unit.isInstalled { return .ok("\(path) is made by systemd when \(unit.name) starts") }
    let parent = StateDirectory.parent(of: path)
    guard let obstacle = user.obstacle(parent, W_OK | X_OK) else {
      return .ok("\(path) is made when there is something to keep")
    }
    return .wrong(
      "\(path) is not there, and \(user.name) cannot make it: \(obstacle)",
      remedy: "'install -d -m 700 -o \(user.name) \(path)' makes it")
  }

  /// Whether somebody has a copy of the key, without which the name is gone for good.
  func identityBackup() -> Check.Finding {
    guard let settings else { return .skipped(noConfiguration) }
    guard let first = settings.identities.first else { return .skipped("nothing tells who this host is") }
    if case .madeByTor = first.name { return backupOfKey(settings) }
    var place = "the HiddenServiceDir of Tor's"
    if case .hostnameFile(let path) = first.name {
      place = StateDirectory.parent(of: unit.source(ofCredential: path) ?? path)
    }
    return .note(
      "whether there is a copy of the key in \(place) is not known, and without it the name is gone for good",
      remedy: "keep one of the whole directory, encrypted and elsewhere")
  }

  /// Whether somebody has a copy of the key that stands in the state directory.
  private func backupOfKey(_ settings: DaemonSettings) -> Check.Finding {
    guard !settings.isEphemeral, let directory = settings.stateDirectory else {
      return .ok("the name is to be forgotten (--ephemeral)")
    }
    let store = IdentityStore(in: directory)
    do throws(IdentityFiles.Failure) {
      guard try store.read() != nil else {
        return .skipped("there is no key yet: Tor makes one at the daemon's first start")
      }
    } catch {
      if case .system(let error) = error, error.isDenied { return .skipped("only root can tell") }
      return .wrong("\(error)", remedy: "'\(instance.program) identity restore FILE' takes a copy back")
    }
    if let time = KeptIdentities(in: directory).lastBackup() {
      return .ok("the key was last backed up at \(time)")
    }
    return .note(
      settings.identities.count > 1
        ? "a key in \(directory) was never backed up, and without it its name is gone for good"
        : "the key \(store.path) was never backed up, and without it the name is gone for good",
      remedy: "'\(instance.program) identity backup FILE' keeps a copy")
  }

  /// Whether the daemon can read the name that Tor has written.
  func hostnameFile() -> Check.Finding {
    guard let settings else { return .skipped(noConfiguration) }
    guard let first = settings.identities.first else { return .skipped("nothing tells who this host is") }
    guard case .hostnameFile(let path) = first.name else { return .ok("the name is known without one") }
    if let credential = unit.credential(at: path), !paths.has(path) {
      return hostnameCredential(credential, settings.servicePort)
    }
    if !user.isKnown { return .skipped("only root can tell whether \(user.name) can read \(path)") }
    let failure: HostnameFileError? = user.acting {
      do throws(HostnameFileError) {
        _ = try HostnameFile.read(path, servicePort: settings.servicePort)
        return nil
      } catch {
        return error
      }
    }
    guard let failure else { return .ok("\(path) can be read by \(user.name)") }
    return wrongHostname(failure, path)
  }

  /// The file that systemd will hand to the service.
  private func hostnameCredential(_ name: String, _ port: UInt16) -> Check.Finding {
    guard let source = unit.credentials.last(where: { $0.name == name })?.source else {
      return .wrong(
        "\(unit.name) is given no file \(name)",
        remedy: Examination.credentialRemedy(unit, "/var/lib/tor/oncilla/hostname"))
    }
    do throws(HostnameFileError) {
      _ = try HostnameFile.read(paths(source), servicePort: port)
      return .ok("systemd hands \(source) to \(unit.name)")
    } catch {
      if case .unreadable(let error) = error, error.isDenied {
        return .skipped("only root can tell whether \(source) holds a name")
      }
      return wrongHostname(error, source)
    }
  }

  private func wrongHostname(_ failure: HostnameFileError, _ path: String) -> Check.Finding {
    switch failure {
    case .missing, .empty:
      return .wrong(
        "\(failure)", remedy: "Tor writes it for a HiddenServiceDir of /etc/tor/torrc: 'systemctl reload tor@default'")
    case .unreadable(let error) where error.isDenied:
      return .wrong(
        "\(user.name), as which the daemon runs, cannot read it: \(error)",
        remedy: Examination.credentialRemedy(unit, path))
    case .unreadable, .lines, .invalid:
      return .wrong("\(failure)", remedy: "--hostname-file names a file that Tor wrote")
    }
  }

  private static func credentialRemedy(_ unit: ServiceUnit, _ source: String) -> String {
    "'systemctl edit \(unit.name)' takes [Service] LoadCredential=hostname:\(source), and then hostname-file is "
      + "/run/credentials/\(unit.name)/hostname; or onion = NAME, which needs no file"
  }
}
