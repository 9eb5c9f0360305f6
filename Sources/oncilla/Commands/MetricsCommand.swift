import OverlayCore
import OverlayIO

/// The options of `oncilla metrics`.
struct MetricsOptions: ClientDraft {
  var control: String?
  /// Whether peers are shown.
  var showsPeers = false

  static var options: [Option<MetricsOptions>] {
    [
      Option(flag: "--peers", "Add the figures of each peer that has a petname.") { $0.showsPeers = true },
      .control(),
    ]
  }
}

extension Command {
  /// `oncilla metrics`
  static let metrics = Command(
    name: "metrics",
    usage: "[OPTION]...",
    summary: "show the figures of the daemon, for Prometheus",
    details: [
      """
      Prints counters, circuits and delays in the text format of Prometheus, for a textfile collector or for reading. \
      The daemon itself serves the same over HTTP with --metrics-listen.
      """
    ],
    optionRows: MetricsOptions.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla metrics", options: MetricsOptions.options)
      guard let draft = try parser.parseOptions(arguments, into: MetricsOptions()) else { return nil }
      let result = try DaemonConnection(instance, draft.control)
        .ask("metrics", ["peers": .boolean(draft.showsPeers)])
      return .output(result["text"]?.string ?? "")
    })
}
