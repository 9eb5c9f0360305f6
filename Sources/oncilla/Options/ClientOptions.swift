import OverlayCore
import OverlayIO

/// The options that every command has that asks a daemon, while they are being read.
protocol ClientDraft {
  /// The path of the control socket; `nil` for where the configuration says.
  var control: String? { get set }
}

/// The options that every command has that prints for programs, too, while they are being read.
protocol JSONDraft {
  /// Whether the result is printed as JSON.
  var isJSON: Bool { get set }
}

/// The options that every command has that reads the configuration, while they are being read.
protocol ConfigurationDraft {
  /// The file that is read in place of those of the instance; `nil` for those.
  var file: String? { get set }
}

/// The options of a command that only shows what the daemon answers.
protocol ReadingDraft: ClientDraft, JSONDraft {}

/// The options of a command that has no others.
struct ReadingOptions: ReadingDraft {
  var control: String?
  var isJSON = false

  static var options: [Option<ReadingOptions>] { [.json(), .control()] }
}

/// The options of a command that changes something and has no others.
struct ChangingOptions: ClientDraft {
  var control: String?

  static var options: [Option<ChangingOptions>] { [.control()] }
}

extension Option where Draft: ClientDraft {
  /// Which daemon is asked.
  static func control() -> Option {
    Option("--control", "PATH", "The control socket of the daemon, if its configuration does not tell it.") {
      draft, value throws(SettingValue.Refusal) in
      draft.control = try SettingValue.socketPath(value)
    }
  }
}

extension Option where Draft: JSONDraft {
  /// The result is for a program.
  static func json(_ summary: String = "Print one line of JSON, as oncilla-control(7) describes it.") -> Option {
    Option(flag: "--json", summary) { $0.isJSON = true }
  }
}

extension Option where Draft: ConfigurationDraft {
  /// Which configuration is read.
  static func config(
    _ summary: String = "Read this configuration, and not those of /etc/oncilla; /dev/null for none."
  ) -> Option {
    Option("--config", "FILE", summary) { draft, value throws(SettingValue.Refusal) in
      draft.file = try SettingValue.path(value)
    }
  }
}

/// The daemon that a command asks.
struct DaemonConnection {
  private let instance: Instance
  private let path: String
  private let client: ControlClient
  // Whether nobody is told that the daemon is of another version.
  private let isQuiet: Bool

  /// Connects to the daemon of an instance, or to the one with the control socket at `path`.
  init(_ instance: Instance, _ path: String?, isQuiet: Bool = false) throws(CommandError) {
    self.instance = instance
    self.isQuiet = isQuiet
    let isGiven = path != nil
    guard let path = path ?? DaemonPlaces(ConfigurationSource(instance)).control else {
      throw .daemon(
        3, "the daemon has no control socket: 'control = none' in its configuration; --control PATH is accepted")
    }
    self.path = path
    do throws(ControlClientError) {
      client = try ControlClient(self.path)
    } catch {
      if case .unreachable = error, !isGiven, DaemonConnection.isUnconfigured(instance) {
        throw .daemon(
          3,
          "\(instance.service) is not running, and nothing tells yet who this host is: sudo "
            + "\(instance.program) setup")
      }
      throw DaemonConnection.failure(error, instance, self.path)
    }
  }

  // Whoever may not read the configuration does not know.
  private static func isUnconfigured(_ instance: Instance) -> Bool {
    do throws(SettingError) { return try ConfigurationSource(instance).loadIfNamed() == nil } catch { return false }
  }

  /// Asks for a command, and returns the result.
  func ask(
    _ command: String, _ arguments: JSONObject = [:], patience: OverlayCore.Duration = ControlClient.patience
  ) throws(CommandError) -> JSONObject {
    do throws(ControlClientError) {
      let result = try client.ask(command, arguments, patience: patience)
      warnOfVersion()
      return result
    } catch {
      warnOfVersion()
      throw DaemonConnection.failure(error, instance, path)
    }
  }

  /// Waits for an event; `nil` if none comes in this time.
  func next(within patience: OverlayCore.Duration) throws(CommandError) -> JSONObject? {
    do throws(ControlClientError) {
      return try client.next(within: patience)
    } catch {
      throw DaemonConnection.failure(error, instance, path)
    }
  }

  private func warnOfVersion() {
    guard !isQuiet, let version = client.daemonVersion, version != ProgramVersion.current else { return }
    Console.complain("this is version \(ProgramVersion.current), and the daemon that runs is \(version.quotedLine())")
  }

  private static func failure(_ error: ControlClientError, _ instance: Instance, _ path: String) -> CommandError {
    switch error {
    case .unreachable:
      return .daemon(
        3,
        "\(instance.service) is not running (no daemon at \(path.quotedLine())): sudo systemctl start "
          + "\(instance.service), or \(instance.program) run"
      )
    case .forbidden: return .daemon(4, permissionText(path, instance))
    case .refused(let error): return .daemon(status(of: error.code), error.description)
    case .timeout: return .daemon(124, "the daemon did not answer in time")
    case .broken(let why): return .daemon(1, why)
    }
  }

  private static func status(of code: ControlError.Code) -> Int32 {
    switch code {
    case .badArgument, .badRequest, .unknownCommand: 2
    case .notFound: 7
    case .notReady: 6
    case .timeout: 124
    case .configuration: 5
    case .conflict, .failed, .tooManyClients: 1
    }
  }

  /// Who may not use the socket is told how to become somebody who may.
  private static func permissionText(_ path: String, _ instance: Instance) -> String {
    let user = UserFiles.user(SystemCall.user) ?? "\(SystemCall.user)"
    guard let group = UserFiles.group("oncilla") else {
      return
        "only root may use \(path.quotedLine()): sudo \(instance.program) …; with a group oncilla its members may, too: "
        + "sudo groupadd --system oncilla && sudo usermod -aG oncilla \(user), and start the daemon again"
    }
    if group.members.contains(user) {
      return "\(user) is in the group oncilla, and this session began before that: log in again, or newgrp oncilla"
    }
    return "\(user) may not use \(path.quotedLine()): sudo usermod -aG oncilla \(user), and log in again"
  }
}
