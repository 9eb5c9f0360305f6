import Glibc
import OverlayCore

/// Where a daemon's configuration comes from: the files of its instance, or one file alone, and the command line. It
/// can be read again and again.
public struct ConfigurationSource: Sendable {
  /// The daemon's instance.
  public let instance: Instance
  /// The file that is read in place of those of the instance; `nil` for those.
  public let file: String?
  /// What the command line says.
  public let options: GivenSettings
  /// Where the instance's files are.
  let directory: String

  /// How many files are read at most.
  static let mostFiles = 1_024

  /// The source of the instance; `directory` is where its files are, if not where they are by themselves.
  public init(
    _ instance: Instance, file: String? = nil, options: GivenSettings = GivenSettings(), directory: String? = nil
  ) {
    self.instance = instance
    self.file = file
    self.options = options
    self.directory = directory ?? instance.configurationDirectory
  }

  /// Reads all of it. Throws the first thing that is wrong.
  public func load() throws(SettingError) -> Configuration {
    let (entries, paths, warnings) = try entries()
    do throws(SettingError) {
      let settings = try RunSettings(entries, for: instance)
      return Configuration(settings: settings, entries: entries, files: paths, warnings: warnings, instance: instance)
    } catch {
      guard error == .nameless else { throw error }
      throw .unnamed(file: file ?? "\(directory)/oncilla.conf", instance)
    }
  }

  /// Returns whether a flag is switched on, even if nothing tells yet who this host is. Throws if what stands there
  /// cannot be read.
  public func isSwitchedOn(_ flag: String) throws(SettingError) -> Bool {
    try entries().0.contains { $0.setting.name == flag && $0.value.text == "yes" }
  }

  private func entries() throws(SettingError) -> ([GivenSettings.Entry], files: [String], warnings: [String]) {
    var sources = SettingSources()
    sources.options = options
    var warnings: [String] = []
    let paths = try self.paths()
    for path in paths {
      let isOfPeers = file == nil && path.hasPrefix("\(directory)/peers.d/")
      let (content, warning) = try ConfigurationSource.read(path, isOfPeers: isOfPeers)
      sources.files.append(
        try ConfigurationFile.read(
          content, of: path, ofPeersAlone: isOfPeers))
      if let warning { warnings.append(warning) }
    }
    return (sources.effective, paths, warnings)
  }

  /// Reads all of it; `nil` if nothing tells who this host is. Throws the first thing that is wrong.
  public func loadIfNamed() throws(SettingError) -> Configuration? {
    do throws(SettingError) {
      return try load()
    } catch {
      if case .unnamed = error { return nil }
      throw error
    }
  }

  /// The files, in the order in which they are read.
  private func paths() throws(SettingError) -> [String] {
    if let file { return [file] }
    let main = "\(directory)/oncilla.conf"
    var paths: [String] = []
    do throws(SystemError) {
      try SystemCall.find(main)
      paths.append(main)
    } catch {
      if error.number != ENOENT { throw .unreadable(error) }
    }
    for folder in ["conf.d", "peers.d"] { paths += try ConfigurationSource.files(in: "\(directory)/\(folder)") }
    guard paths.count <= ConfigurationSource.mostFiles else {
      throw .malformed(.line(directory, nil), reason: "at most \(ConfigurationSource.mostFiles) files are accepted")
    }
    return paths
  }

  /// The files that decide on more than peers, in the order in which they are read; without those of a directory that
  /// this user may not look into.
  var readablePaths: [String] {
    if let file { return [file] }
    return ["\(directory)/oncilla.conf"] + ((try? ConfigurationSource.files(in: "\(directory)/conf.d")) ?? [])
  }

  /// The files of a directory whose names end with `.conf` and begin with no dot, sorted by the bytes of their names.
  private static func files(in directory: String) throws(SettingError) -> [String] {
    do throws(SystemError) {
      let names = try SystemCall.names(in: directory, limit: 4 * mostFiles)
      return names.filter { $0.hasSuffix(".conf") && !$0.hasPrefix(".") }
        .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { "\(directory)/\($0)" }
    } catch {
      if error.number == ENOENT { return [] }
      throw .unreadable(error)
    }
  }

  /// Whether a user may have put a file of his where it is: the directory is his, or open to a group, as `peers.d` is
  /// to that of the daemon.
  private static func isPlaced(_ path: String, by user: uid_t) throws(SystemError) -> Bool {
    let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let status = try SystemCall.status(at: directory)
    return status.st_uid == user || status.st_mode & S_IWGRP != 0
  }

  /// The content of a file, and who else could change what the daemon does by it. The group of the daemon may write
  /// files of peers: a link there could show root's files to it, in what is said of their lines.
  private static func read(
    _ path: String, isOfPeers: Bool
  ) throws(SettingError) -> (content: [UInt8], warning: String?) {
    let isNoFile = SettingError.malformed(.line(path, nil), reason: "a file of peers.d is a regular file, and no link")
    do throws(SystemError) {
      let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY
      let file = try SystemCall.open(path, isOfPeers ? flags | O_NOFOLLOW : flags)
      let status = try SystemCall.status(file.number)
      var warning: String?
      if isOfPeers, status.st_mode & S_IFMT != S_IFREG { throw SystemError(call: path, number: ELOOP) }
      if status.st_mode & S_IFMT == S_IFREG {
        if status.st_mode & S_IWOTH != 0 {
          warning = "\(path) can be written by everybody, who can so change what this daemon does: chmod o-w"
        } else if status.st_uid != 0, status.st_uid != SystemCall.user, try !isPlaced(path, by: status.st_uid) {
          warning = "\(path) belongs to user \(status.st_uid), who can so change what this daemon does: chown root"
        }
      }
      return (try OverlayIO.content(of: file, path: path, limit: ConfigurationFile.mostBytes), warning)
    } catch {
      if isOfPeers, error.number == ELOOP { throw isNoFile }
      throw .unreadable(error)
    }
  }
}

/// A configuration that was read and is valid.
public struct Configuration: Sendable {
  /// What it amounts to.
  public let settings: RunSettings
  /// The values that were given and count, in their order.
  public let entries: [GivenSettings.Entry]
  /// The files that it was read from.
  public let files: [String]
  /// What the operator should know of the files, a line each.
  public let warnings: [String]
  /// The instance that it is for.
  public let instance: Instance
}

extension Configuration {
  /// What is wrong with the programs of hooks, a line each: the daemon would not start with them.
  public var hookProblems: [String] {
    settings.daemon.hooks.compactMap { hook in
      do throws(HookError) {
        try hook.check()
        return nil
      } catch {
        return error.description
      }
    }
  }

  /// Every setting with its effective value, or its values, in the order of the table.
  public var shownSettings: [ShownSetting] {
    Setting.all.flatMap { setting in
      let given = entries.filter { $0.setting.name == setting.name }.map { ShownSetting(setting, $0.value) }
      return given.isEmpty ? [ShownSetting(setting, defaultOf: instance)] : given
    }
  }

  /// Every setting with its effective value and, as a comment, where that is from. The lines are a configuration
  /// themselves.
  public var lines: [String] { shownSettings.map(\.line) }
}
