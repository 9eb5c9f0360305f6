extension Command {
  /// `oncilla run`: the daemon itself, in the foreground.
  static let run = Command(
    name: "run",
    usage: "(--onion NAME... | --hostname-file FILE) [OPTION]...",
    summary: "connect this host to the overlay, in the foreground",
    details: [
      """
      Makes a network interface and carries what is sent to fd87:d87e:eb43::/48 through Tor to the onion service that \
      the address belongs to. Needs root, or CAP_NET_ADMIN and /dev/net/tun.
      """,
      "HOST is an IPv4 address, an IPv6 address in brackets or localhost; names are never resolved.",
    ],
    optionRows: RunOptions.all.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      try RunOptions.parse(arguments, for: instance).map { .daemon($0) }
    })
}
