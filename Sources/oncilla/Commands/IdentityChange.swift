import OverlayCore
import OverlayIO

/// Identities that come and go beside the host's own, with onion services that Tor makes.
struct IdentityChange {
  private let instance: Instance
  private let draft: IdentityDraft

  /// For an instance, as the options say.
  init(_ instance: Instance, _ draft: IdentityDraft) { (self.instance, self.draft) = (instance, draft) }

  private var directory: String { instance.configurationDirectory }
  private var beginning: String { "the daemon's next start: sudo systemctl restart \(SetupPlaces(instance).unit)" }

  /// Writes one more into the configuration; what there is to say.
  func add(_ text: String) throws(CommandError) -> String {
    guard let label = Petname(text) else {
      throw .argument(text, reason: "1 to 63 letters, digits and inner hyphens are accepted as a name")
    }
    let settings = try load().settings.daemon
    guard settings.publisher == .tor else {
      throw .failed(
        "a further identity needs 'publish = tor'; where lines of torrc make the onion services, 'onion = "
          + "NAME,listen=HOST:PORT' for each of them does it, as oncilla.conf(5) tells")
    }
    let file = IdentityFile(label)
    guard !file.exists(in: directory) else {
      throw .failed("there is an identity '\(label)' already, in \(file.path(in: directory))")
    }
    guard !settings.isPrivate else {
      throw .failed("this host is private, and has no further identities: a friend's key would open all of them")
    }
    if let given = draft.listen, settings.identities.contains(where: { $0.listen.contains(given) }) {
      throw .failed("\(given) is a listener of this host already; each identity needs its own")
    }
    let store = IdentityStore(in: draft.stateDirectory, label)
    let key = try KeptKey(store)
    if case .unreadable(let error) = key { throw CommandError(error) }
    let listen = if let given = draft.listen { given } else { try freeListener(beside: settings) }
    do throws(SystemError) { try file.write(listen, to: directory) } catch { throw CommandError(error) }
    do throws(CommandError) { _ = try load() } catch {
      _ = try? file.remove(from: directory)
      throw error
    }
    var said = "\(file.path(in: directory)): \(file.line(listen))\n"
    if let address = key.address {
      said += "It has the key in \(store.path), and so the address \(address), from \(beginning)\n"
    } else {
      said +=
        "Tor makes its onion service at \(beginning)\n'\(instance.program) identity list' shows its address then.\n"
    }
    return said
  }

  private func freeListener(beside settings: DaemonSettings) throws(CommandError) -> SocketAddress {
    let taken = settings.identities.flatMap(\.listen).compactMap { address -> UInt16? in
      switch address {
      case .ipv4(_, let port), .ipv6(_, let port): port
      case .unix: nil
      }
    }
    guard let port = SetupPlaces(instance).freePort(from: OverlayNetwork.servicePort + 1, except: Set(taken)) else {
      throw .failed("no port is free at 127.0.0.1 for Tor to connect to: --listen HOST:PORT is accepted")
    }
    return .ipv4(.loopback, port: port)
  }

  /// Takes one out of the configuration; what there is to say.
  func remove(_ text: String) throws(CommandError) -> String {
    let configuration = try load()
    let label = try label(text, configuration.settings.daemon)
    let (file, store) = (IdentityFile(label), IdentityStore(in: draft.stateDirectory, label))
    guard try withFile({ () throws(SystemError) in try file.isOurs(in: directory) }) else {
      let place = configuration.place(of: label) ?? file.path(in: directory)
      throw .failed(
        "\(place) was written or changed by hand, and is left alone: take the identity '\(label)' out there")
    }
    let key = try KeptKey(store, isNeeded: draft.deletesKey)
    let shown = "\(label)\(key.address.map { " (\($0))" } ?? "")"
    if !draft.agrees {
      try Console.ask("Remove the identity \(shown)?", otherwise: "whether the identity \(shown) may be removed")
    }
    _ = try withFile { () throws(SystemError) in try file.remove(from: directory) }
    let said = "\(shown) is no identity of this host any more, from \(beginning)\n"
    do throws(IdentityFiles.Failure) {
      if draft.deletesKey, key.isThere { try store.remove() }
    } catch {
      throw .failed("\(error)", after: said)
    }
    return said + key.text(store.path, isGone: draft.deletesKey, addition: "\(instance.program) identity add \(label)")
  }

  private func withFile<Result>(_ body: () throws(SystemError) -> Result) throws(CommandError) -> Result {
    do throws(SystemError) { return try body() } catch { throw CommandError(error) }
  }

  /// Which one is meant: by what it is called, or by the address or onion name that its key has.
  private func label(_ text: String, _ settings: DaemonSettings) throws(CommandError) -> Petname {
    let labels = settings.identities.compactMap(\.label)
    if let label = Petname(text), labels.contains(label) { return label }
    let address = IPv6Address(text) ?? (try? PastedName(text).name.address)
    if let address {
      for label in labels where try KeptKey(IdentityStore(in: draft.stateDirectory, label)).address == address {
        return label
      }
      if try KeptKey(IdentityStore(in: draft.stateDirectory)).address == address {
        throw .failed("\(address) is this host's own, which is none without it")
      }
    }
    throw .daemon(7, "there is no identity '\(text.quotedLine())' beside this host's own in the configuration")
  }

  private func load() throws(CommandError) -> Configuration {
    do throws(SettingError) { return try ConfigurationSource(instance).load() } catch { throw .setting(error) }
  }
}

/// The key of an identity, as the state directory holds it.
private enum KeptKey {
  /// There is none.
  case absent
  /// It is that of this address.
  case kept(IPv6Address)
  /// There is something that is no key, or cannot be read.
  case unreadable(IdentityFiles.Failure)

  /// Looks for it. Throws if this user may not, where it is needed.
  init(_ store: IdentityStore, isNeeded: Bool = true) throws(CommandError) {
    do throws(IdentityFiles.Failure) {
      self = try store.read().map { .kept($0.name.address) } ?? .absent
    } catch {
      if error.isDenied, isNeeded { throw CommandError(error) }
      self = .unreadable(error)
    }
  }

  var address: IPv6Address? { if case .kept(let address) = self { address } else { nil } }

  var isThere: Bool { if case .absent = self { false } else { true } }

  /// What became of it, in lines; `addition` is the command that brings it back.
  func text(_ path: String, isGone: Bool, addition: String) -> String {
    switch self {
    case .absent: isGone ? "There was no key at \(path).\n" : ""
    case .kept where isGone: "\(path) is removed, and the address gone for good.\n"
    case .kept: "\(path) still holds its key: '\(addition)' brings it back.\n"
    case .unreadable(let error) where isGone: "\(path) is removed, which held no key that can be read: \(error)\n"
    case .unreadable(let error): "Whether \(path) still holds its key is not known: \(error)\n"
    }
  }
}

extension Configuration {
  /// Where an identity is written.
  fileprivate func place(of label: Petname) -> String? {
    entries.first { $0.setting.name == "identity" && Petname($0.value.text.prefix { $0 != "," }) == label }?
      .value.origin.place
  }
}
