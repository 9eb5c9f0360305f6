import OverlayIO

extension Command {
  /// `oncilla run`: the daemon itself, in the foreground.
  static let run = Command(
    name: "run",
    usage: "[OPTION]...",
    summary: "connect this host to the overlay, in the foreground",
    details: [
      """
      Makes a network interface and carries what is sent to fd87:d87e:eb43::/48 through Tor to the onion service that \
      the address belongs to. Needs root, or CAP_NET_ADMIN and /dev/net/tun.
      """,
      """
      Reads the configuration of its instance first: /etc/oncilla/oncilla.conf, then the files of conf.d and peers.d \
      there; see oncilla.conf(5). Options come on top of it: --onion, --hostname-file and --listen replace what it \
      says, other repeatable ones add to it. Who this host is has to be told by one of both.
      """,
      "HOST is an IPv4 address, an IPv6 address in brackets or localhost; names are never resolved.",
    ],
    optionRows: RunOptions.all.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      guard let source = try RunOptions.source(arguments, for: instance) else { return nil }
      do throws(SettingError) {
        return .daemon(try source.load(), from: source, helper: [instance.name ?? ""] + arguments)
      } catch {
        throw .setting(error)
      }
    })
}
