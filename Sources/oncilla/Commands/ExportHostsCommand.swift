import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla export-hosts`: names for programs that read a hosts file.
  static let exportHosts = Command(
    name: "export-hosts",
    usage: "[OPTION]...",
    summary: "print lines for /etc/hosts",
    details: [
      """
      Prints a line for each peer of the configuration: its address, its petname with the zone of --dns-zone and \
      without, and its onion name; and one for each address of this host. No daemon is needed. With --hosts-file the \
      daemon keeps them in a file itself.
      """
    ],
    optionRows: ExportHostsDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla export-hosts", options: ExportHostsDraft.options)
      guard let draft = try parser.parseOptions(arguments, into: ExportHostsDraft()) else { return nil }
      let settings: DaemonSettings
      do throws(SettingError) {
        settings = try ConfigurationSource(instance, file: draft.file).load().settings.daemon
      } catch {
        throw .setting(error)
      }
      var lines = settings.hostsLines(own: settings.ownNames)
      if draft.withLearned {
        let configured = Set(settings.peers.map(\.name))
        let names = try learned(DaemonConnection(instance, draft.control))
        lines += names.filter { !configured.contains($0.name) }.map { $0.line(zone: settings.dnsZone) }
      }
      return .output(lines.map { $0 + "\n" }.joined())
    })

  /// The peers that were added while the daemon runs, and the names that it has learned and reached: what nobody was
  /// reached by may be made up, and would keep its address in the file.
  private static func learned(_ daemon: borrowing DaemonConnection) throws(CommandError) -> [HostsBlock.Entry] {
    var entries: [HostsBlock.Entry] = []
    // Several identities may know the same name.
    var told: Set<OnionName> = []
    try daemon.forEachPartOfNames { part in
      for known in part["names"]?.array ?? [] {
        guard known["reached"]?.boolean == true || known["source"]?.string == "configuration",
          let name = known["name"]?.string.flatMap({ try? PastedName($0).name }), told.insert(name).inserted
        else { continue }
        entries.append(HostsBlock.Entry(name, petname: known["petname"]?.string.flatMap { Petname($0) }))
      }
      return true
    }
    return entries
  }
}

/// The options of `oncilla export-hosts` while they are being read.
struct ExportHostsDraft: ConfigurationDraft, ClientDraft {
  var file: String?
  var control: String?
  var withLearned = false

  static var options: [Option<ExportHostsDraft>] {
    [
      Option(
        flag: "--learned", "Add the peers that the daemon has besides: added while it runs, or learned of and reached."
      ) { $0.withLearned = true },
      .config(), .control(),
    ]
  }
}
