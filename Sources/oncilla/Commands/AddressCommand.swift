import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla address`: from names to addresses.
  static let address = Command(
    name: "address",
    usage: "NAME... | --hostname-file FILE [OPTION]...",
    summary: "print the IPv6 address of an onion name",
    details: [
      """
      Prints the overlay address of each NAME, a line each and in their order. A NAME is an onion name of version 3 \
      (56 characters, its checksum is verified) or 2 (16 characters), in any case, with or without .onion, as a URL or \
      not.
      """
    ],
    optionRows: AddressDraft.options.map { HelpText.row($0) },
    perform: { _, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla address", options: AddressDraft.options)
      let parsed = try parser.parse(arguments, into: AddressDraft())
      if parsed.wantsHelp { return nil }
      var names: [OnionName] = []
      for text in parsed.operands {
        do throws(OnionNameError) {
          names.append(try OnionName(pasted: text))
        } catch {
          throw .argument(text, reason: error.description)
        }
      }
      if let file = parsed.draft.hostnameFile {
        guard names.isEmpty else { throw .conflict("NAME", "--hostname-file") }
        do throws(HostnameFileError) {
          names.append(try HostnameFile.read(file))
        } catch {
          throw CommandError(error)
        }
      }
      guard !names.isEmpty else { throw .incomplete(command: "address", needs: "NAME or --hostname-file FILE") }
      if parsed.draft.isJSON {
        let result: JSONObject = ["addresses": .array(names.map { ["name": .text($0), "address": .text($0.address)] })]
        return .output(result.line)
      }
      return .output(names.map { "\($0.address)\n" }.joined())
    })
}

/// The options of `oncilla address` while they are being read.
struct AddressDraft: JSONDraft {
  var isJSON = false
  var hostnameFile: String?

  static var options: [Option<AddressDraft>] {
    [
      Option("--hostname-file", "FILE", "Read the name from a file such as Tor's hostname.") {
        draft, value throws(SettingValue.Refusal) in
        draft.hostnameFile = try SettingValue.path(value)
      },
      .json("Print one line of JSON: the names in full, each with its address."),
    ]
  }
}
