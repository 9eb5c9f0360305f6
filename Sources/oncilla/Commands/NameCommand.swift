import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla name`: from an address to the label that it holds.
  static let name = Command(
    name: "name",
    usage: "ADDRESS [OPTION]...",
    summary: "print the onion label of an overlay address",
    details: [
      """
      Prints the 16 characters of the onion name that the overlay address ADDRESS holds: the whole label of version \
      2, the last 16 characters of version 3. The rest of a version 3 name cannot be computed from its address.
      """
    ],
    optionRows: NameDraft.options.map { HelpText.row($0) },
    perform: { _, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla name", options: NameDraft.options)
      let parsed = try parser.parse(arguments, into: NameDraft())
      if parsed.wantsHelp { return nil }
      guard let text = parsed.operands.first else { throw .incomplete(command: "name", needs: "ADDRESS") }
      if parsed.operands.count > 1 { throw .unexpectedArgument(parsed.operands[1], command: parser.command) }
      guard let address = pastedAddress(text) else { throw .argument(text, reason: "this is not an IPv6 address") }
      let network = OverlayNetwork.tor
      guard let label = network.label(of: address) else {
        throw .argument(text, reason: "this is not an overlay address: one of \(network.prefix) is accepted")
      }
      let result: JSONObject = ["address": .text(address), "label": .string(label)]
      return .output(parsed.draft.isJSON ? result.line : label + "\n")
    })

  /// The address that a person wrote or pasted: as it stands in a URL, or with the length of its prefix, as `ip
  /// address` shows it.
  private static func pastedAddress(_ text: String) -> IPv6Address? {
    var rest = PastedName.trimmed(text[...])
    if rest.hasPrefix("["), rest.hasSuffix("]") { return IPv6Address(rest.dropFirst().dropLast()) }
    let length = rest.drop { $0 != "/" }.dropFirst()
    if let length = Int(decimal: length), (0...128).contains(length) { rest = rest.prefix { $0 != "/" } }
    return IPv6Address(rest)
  }
}

/// The options of `oncilla name` while they are being read.
struct NameDraft: JSONDraft {
  var isJSON = false

  static var options: [Option<NameDraft>] {
    [.json("Print one line of JSON: the address, and the label that it holds.")]
  }
}
