import OverlayIO

extension Command {
  /// `oncilla migrate`: from OnionCat's command line to a configuration.
  static let migrate = Command(
    name: "migrate",
    usage: "-- OCAT-COMMAND-LINE",
    summary: "print the configuration that does what an OnionCat command does",
    details: [
      """
      Reads the command line of OnionCat 4, such as 'ocat -4 -t 9150 NAME.onion', and prints a configuration file that \
      does the same, with a comment for each option that has no counterpart. It changes nothing; put the lines into \
      /etc/oncilla/oncilla.conf.
      """
    ],
    optionRows: [],
    perform: { _, arguments throws(CommandError) in
      if ["--help", "-h"].contains(arguments.first) { return nil }
      let line = arguments.first == "--" ? arguments.dropFirst() : arguments[...]
      guard !line.isEmpty else { throw .incomplete(command: "migrate", needs: "-- OCAT-COMMAND-LINE") }
      return .output(OnionCatCommand(Array(line)).text)
    })
}
