import OverlayCore
import OverlayIO

/// Peers that come and go with a file of `peers.d`, at the daemon and in the configuration of its instance. Where no
/// daemon runs, the file alone is changed.
struct SavedPeer {
  private let instance: Instance
  private let daemon: DaemonConnection?

  /// For an instance, and its daemon if one runs.
  init(_ instance: Instance, _ daemon: DaemonConnection?) { (self.instance, self.daemon) = (instance, daemon) }

  private var directory: String { instance.configurationDirectory }
  private var later: String { "; \(instance.service) is not running: it counts from its start on\n" }

  /// Writes the file of a peer, and has the daemon add the peer. If it does not, the file is removed again. Returns
  /// what there is to say.
  func add(_ text: String) throws(CommandError) -> String {
    let setting: PeerSetting
    do throws(SettingValue.Refusal) {
      setting = try PeerSetting.read(text, after: [])
    } catch {
      throw .argument(text, reason: error.reason)
    }
    guard let petname = setting.peer.petname else {
      throw .argument(text, reason: "--save needs a petname, which names the file: PETNAME=NAME")
    }
    guard !PeerFile.exists(petname, in: directory) else {
      throw .failed("'\(petname)' is saved already, in \(PeerFile.path(of: petname, in: directory))")
    }
    let file = PeerFile(petname, name: setting.peer.name)
    guard let daemon else {
      if let port = setting.port, port != servicePort {
        throw .argument(text, reason: OnionNameError.port(port, accepted: servicePort).description)
      }
      return "\(file.name.address)\nsaved in \(try file.writeChecked(for: instance))\(later)"
    }
    let path = try withFiles { () throws(PeerFileError) in try file.write(to: directory) }
    do throws(CommandError) {
      let result = try daemon.ask("peer_add", ["peer": .string(text), "kept": true])
      return "\(result["address"]?.string ?? "?")\nsaved in \(path)\n"
    } catch {
      _ = try? PeerFile.remove(petname, from: directory)
      throw error
    }
  }

  /// Has the daemon leave a peer, and removes its file, which may be there when the daemon does not have the peer any
  /// more. Returns what there is to say.
  func remove(_ text: String) throws(CommandError) -> String {
    guard let daemon else {
      guard let petname = try petname(of: text), try removeFile(of: petname) else {
        throw .daemon(7, "there is no peer '\(text.quotedLine())' in \(directory)/peers.d")
      }
      return "removed \(PeerFile.path(of: petname, in: directory))\(later)"
    }
    var petname = Petname(text)
    do throws(CommandError) {
      petname = try daemon.ask("peer_remove", ["peer": .string(text)])["petname"]?.string.flatMap { Petname($0) }
    } catch {
      guard case .daemon(7, _) = error, let petname, PeerFile.exists(petname, in: directory) else { throw error }
    }
    guard let petname, try removeFile(of: petname) else { return "" }
    return "removed \(PeerFile.path(of: petname, in: directory))\n"
  }

  /// The petname of a peer of the configuration; `nil` if there is none.
  private func petname(of text: String) throws(CommandError) -> Petname? {
    if let petname = Petname(text), PeerFile.exists(petname, in: directory) { return petname }
    let peers = settings?.peers ?? []
    do throws(ControlError) {
      let address = try PeerSelector(text, among: peers, servicePort: servicePort).address
      return peers.first { $0.name.address == address }?.petname
    } catch {
      throw .daemon(error.code == .notFound ? 7 : 2, error.description)
    }
  }

  private func removeFile(of petname: Petname) throws(CommandError) -> Bool {
    try withFiles { () throws(PeerFileError) in try PeerFile.remove(petname, from: directory) }
  }

  /// What the daemon is told; `nil` if the configuration is wrong.
  private var settings: DaemonSettings? { try? ConfigurationSource(instance).loadIfNamed()?.settings.daemon }

  private var servicePort: UInt16 { settings?.servicePort ?? OverlayNetwork.servicePort }

  private func withFiles<Result>(_ body: () throws(PeerFileError) -> Result) throws(CommandError) -> Result {
    do throws(PeerFileError) {
      return try body()
    } catch {
      throw CommandError(error)
    }
  }
}

extension PeerFile {
  /// Writes the file, and removes it again if the configuration is wrong with it and was not without it. Returns its
  /// path.
  @discardableResult
  func writeChecked(for instance: Instance) throws(CommandError) -> String {
    let directory = instance.configurationDirectory
    let wasThere = PeerFile.exists(petname, in: directory)
    let before = PeerFile.problem(of: instance)
    let path: String
    do throws(PeerFileError) { path = try self.write(to: directory) } catch { throw CommandError(error) }
    guard before == nil, let error = PeerFile.problem(of: instance) else { return path }
    if !wasThere { _ = try? PeerFile.remove(petname, from: directory) }
    throw .setting(error)
  }

  /// What is wrong with a configuration; `nil` if nothing is. That nothing tells who this host is does not matter.
  private static func problem(of instance: Instance) -> SettingError? {
    do throws(SettingError) {
      _ = try ConfigurationSource(instance).loadIfNamed()
      return nil
    } catch {
      return error
    }
  }
}
