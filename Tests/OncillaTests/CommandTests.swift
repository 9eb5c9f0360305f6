import OverlayCore
import OverlayIO
import Testing

@testable import oncilla

@Suite("Commands")
struct CommandTests {
  static let version3 = "657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd"

  /// What the command line prints.
  func output(_ arguments: [String]) throws -> String {
    guard case .output(let text) = try Command.interpret(arguments) else {
      Issue.record("\(arguments) runs the daemon")
      return ""
    }
    return text
  }

  static let addresses: [([String], String)] = [
    (["7fd22jhmqgfl45j6.onion"], "fd87:d87e:eb43:f947:ad24:ec81:8abe:753e\n"),
    (
      ["WQ52QL3UXGCXQJON", version3 + ".onion"],
      "fd87:d87e:eb43:b43b:a82f:74b9:8578:25cd\nfd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03\n"
    ), (["--", "wq52ql3uxgcxqjon"], "fd87:d87e:eb43:b43b:a82f:74b9:8578:25cd\n"),
    ([" http://\(version3).onion:8060/ "], "fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03\n"),
  ]

  @Test("names become addresses, one a line", arguments: addresses)
  func address(arguments: [String], text: String) throws {
    #expect(try output(["address"] + arguments) == text)
  }

  @Test(
    "addresses become labels",
    arguments: [
      ("fd87:d87e:eb43:f947:ad24:ec81:8abe:753e", "7fd22jhmqgfl45j6\n"),
      ("FD87:D87E:EB43:5B1F:3F7E:D46D:FE89:9B03", "lmpt67wunx7itgyd\n"), ("fd87:d87e:eb43::", "aaaaaaaaaaaaaaaa\n"),
      (" fd87:d87e:eb43::\n", "aaaaaaaaaaaaaaaa\n"), ("[fd87:d87e:eb43::]", "aaaaaaaaaaaaaaaa\n"),
      ("fd87:d87e:eb43::/48", "aaaaaaaaaaaaaaaa\n"),
    ])
  func name(address: String, text: String) throws {
    #expect(try output(["name", address]) == text)
  }

  static let forPrograms: [([String], String)] = [
    (
      ["address", "--json", version3.uppercased()],
      """
      {"schema":1,"addresses":[{"name":"\(version3).onion","address":"fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03"}]}\n
      """
    ),
    (
      ["name", "[fd87:d87e:eb43::]", "--json"],
      "{\"schema\":1,\"address\":\"fd87:d87e:eb43::\",\"label\":\"aaaaaaaaaaaaaaaa\"}\n"
    ),
  ]

  @Test("programs get a line of JSON", arguments: forPrograms)
  func json(arguments: [String], text: String) throws {
    #expect(try output(arguments) == text)
  }

  @Test("--json belongs to guard status alone", arguments: ["on", "off"])
  func guardJSON(word: String) {
    let error = #expect(throws: CommandError.self) { try Command.interpret(["guard", word, "--json"]) }
    #expect(error?.exitStatus == 2)
    #expect(error?.description == "guard \(word) and --json exclude each other: one of them is accepted")
  }

  @Test("the version is told", arguments: [["version"], ["--version"]])
  func version(arguments: [String]) throws {
    #expect(try output(arguments) == "oncilla 0.1.0\n")
  }

  @Test(
    "an instance is named before the command",
    arguments: [["-i", "office"], ["--instance", "office"], ["--instance=office"]])
  func instance(arguments: [String]) throws {
    let run = ["run", "--onion", "7fd22jhmqgfl45j6,listen=127.0.0.1:8061"]
    guard case .daemon(let configuration, _, _) = try Command.interpret(arguments + run) else {
      Issue.record("it does not run")
      return
    }
    #expect(configuration.settings.daemon.control == "/run/oncilla/office/control.sock")
    #expect(try output(arguments + ["version"]) == "oncilla 0.1.0\n")
  }

  @Test("help is had in every way, and alike", arguments: Command.all.map(\.name))
  func help(name: String) throws {
    let text = try output(["help", name])
    #expect(text.hasPrefix("Usage: oncilla \(name)"))
    #expect(try output([name, "--help"]) == text)
    #expect(try output([name, "-h"]) == text)
    #expect(try output(["--help"]).contains("  \(name) "))
    #expect(try output(["help"]) == output(["--help"]))
  }

  @Test(
    "every text of help is at most 80 columns wide and ends its last line",
    arguments: [[]] + Command.all.map { [$0.name] })
  func width(name: [String]) throws {
    let text = try output(name + ["--help"])
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 && $0.last != " " })
    #expect(text.hasSuffix("\n") && !text.hasSuffix("\n\n"))
  }

  @Test("run is handed to the daemon with its options")
  func run() throws {
    guard case .daemon(let configuration, _, _) = try Command.interpret(["run", "--hostname-file", "h", "--mtu=1280"])
    else {
      Issue.record("run printed something")
      return
    }
    let options = configuration.settings
    #expect(options.daemon.identities.map(\.name) == [.hostnameFile("h")])
    #expect(options.daemon.interface.mtu.bytes == 1280)
  }

  static let wrongLines: [([String], String)] = [
    (["rnu"], "unknown command 'rnu' (did you mean run?); 'oncilla --help' lists the commands"),
    (["adress"], "unknown command 'adress' (did you mean address?); 'oncilla --help' lists the commands"),
    (["frobnicate"], "unknown command 'frobnicate'; 'oncilla --help' lists the commands"),
    (["help", "runn"], "unknown command 'runn' (did you mean run?); 'oncilla --help' lists the commands"),
    (["--verison"], "unknown option --verison (did you mean --version?); 'oncilla --help' lists what is accepted"),
    (["address"], "address needs NAME or --hostname-file FILE"),
    (
      ["peer", "frob"],
      "'frob': show, add, remove, block, unblock, connect, disconnect or reconnect is accepted"
    ),
    (
      ["identity", "frob"], "'frob': list, add, remove, backup, restore, import or export is accepted"
    ),
    (
      ["run", "--hook", "frob=/x", "--onion=7fd22jhmqgfl45j6"],
      "--hook 'frob=/x': EVENT=PATH is accepted, where EVENT is up, down, peer-up or peer-down"
    ),
    (["address", "abc"], "'abc': an onion name has 56 characters before .onion (16 in version 2), not 3"),
    (
      ["address", "7fd22jhmqgfl45j6", "7fd22jhmqgfl45j1"],
      "'7fd22jhmqgfl45j1': an onion name is written with the letters a to z and the digits 2 to 7 only"
    ),
    (
      ["address", "a" + version3.dropFirst()],
      "'a\(version3.dropFirst())': its checksum does not match: it is mistyped or damaged"
    ),
    (
      ["address", version3.dropLast() + "e"],
      "'\(version3.dropLast())e': its checksum does not match: it is mistyped or damaged"
    ),
    (
      ["address", "7fd22jhmqgfl45j6", "--hostname-file=h"],
      "NAME and --hostname-file exclude each other: one of them is accepted"
    ),
    (["address", "--hostname-file="], "--hostname-file '': a path is accepted, which cannot be empty"),
    (["name"], "name needs ADDRESS"),
    (["name", "fd87:d87e:eb43::/129"], "'fd87:d87e:eb43::/129': this is not an IPv6 address"),
    (["name", "7fd22jhmqgfl45j6"], "'7fd22jhmqgfl45j6': this is not an IPv6 address"),
    (
      ["name", "fd87:d87e:eb42::1"],
      "'fd87:d87e:eb42::1': this is not an overlay address: one of fd87:d87e:eb43::/48 is accepted"
    ),
    (["name", "::1", "::2"], "unexpected argument '::2'; 'oncilla name --help' tells what is accepted"),
    (["name", "--mtu"], "unknown option --mtu; 'oncilla name --help' lists what is accepted"),
    (["version", "1"], "unexpected argument '1'; 'oncilla version --help' tells what is accepted"),
    (["help", "run", "name"], "unexpected argument 'name'; 'oncilla help --help' tells what is accepted"),
  ]

  @Test("a wrong command line is one line that says what is accepted, exit 2", arguments: wrongLines)
  func wrong(arguments: [String], line: String) {
    let error = #expect(throws: CommandError.self) { try Command.interpret(arguments) }
    #expect(error?.description == line)
    #expect(error?.exitStatus == 2)
  }

  @Test("a configuration is checked, and what it amounts to shown")
  func check() throws {
    let error = #expect(throws: CommandError.self) { try Command.interpret(["check-config", "--config", "/dev/null"]) }
    #expect(error?.exitStatus == 5)
    #expect(error?.description.contains("'hostname-file = FILE' or 'publish = tor' in /dev/null") == true)
    let run = #expect(throws: CommandError.self) { try Command.interpret(["run", "--config=/dev/null", "--mtu=1400"]) }
    #expect(run?.exitStatus == 5)
    for command in ["check-config", "run"] {
      let other = #expect(throws: CommandError.self) {
        try Command.interpret(["-i", "work", command, "--config", "/dev/null"])
      }
      #expect(other?.description.hasSuffix("; 'oncilla -i work setup' does all that") == true)
    }
  }

  @Test(
    "what an error advises is for the daemon that the command line means",
    arguments: [
      CommandError.failed("it is so: 'oncilla peer unblock' ends that"), .daemon(1, "so: 'oncilla peer unblock' helps"),
      .argument("'oncilla x", reason: "'oncilla peer unblock' is meant"),
      CommandError(PeerFileError.taken("f")), CommandError(IdentityFiles.Failure.nothing("f")),
      CommandError(IdentityFiles.Failure.taken("f", by: "fd87::")),
    ])
  func advice(_ error: CommandError) throws {
    for isRoot in [false, true] {
      let helped = error.helped(for: try Instance("work"), "peer", isRoot: isRoot)
      #expect(helped.description.contains("'oncilla -i work ") && helped.exitStatus == error.exitStatus)
      for command in ["peer", "run", "identity"] { #expect(!helped.description.contains("'oncilla \(command)")) }
    }
  }

  private static let denied = SystemError(call: "open f", number: 13)

  @Test(
    "a right that is missing is exit 4, with the command line that has it",
    arguments: [
      CommandError(denied), CommandError(SystemError(call: "open f", number: 1)),
      CommandError(PeerFileError.failed(denied)),
      CommandError(IdentityFiles.Failure.system(denied)), CommandError(HostnameFileError.unreadable(denied)),
      CommandError(TorReload.Failure.system(denied)), CommandError(PrivilegeError.failed(act: "look", denied)),
      CommandError(PrivilegeError.notPermitted(capability: "CAP_NET_ADMIN", act: "look")),
      CommandError(PrivilegeError.tunnelNodeRefused), .setting(.unreadable(denied)),
    ])
  func lacksRight(_ error: CommandError) throws {
    let helped = error.helped(for: try Instance("work"), "guard", isRoot: false)
    #expect(helped.exitStatus == 4)
    #expect(helped.description.hasSuffix(": sudo oncilla -i work guard …"))
    #expect(error.helped(for: .standard, "guard", isRoot: true) == error)
    #expect(error.exitStatus == 4)
  }

  @Test(
    "what no right would help with is exit 1, and nobody is sent to sudo",
    arguments: [
      CommandError(SystemError(call: "open f", number: 2)), CommandError(PeerFileError.foreign("f")),
      CommandError(IdentityFiles.Failure.nothing("f")), CommandError(PrivilegeError.loopbackDown),
    ])
  func failedOtherwise(_ error: CommandError) {
    #expect(error.exitStatus == 1)
    #expect(error.helped(for: .standard, "guard", isRoot: false) == error)
  }

  @Test(
    "work that fails is exit 1",
    arguments: [
      ("/nowhere/hostname", "/nowhere/hostname does not exist"), ("/tmp", "read /tmp: Is a directory"),
      ("/dev/null", "/dev/null is empty"),
    ])
  func failed(file: String, line: String) {
    let error = #expect(throws: CommandError.self) { try Command.interpret(["address", "--hostname-file", file]) }
    #expect(error?.description == line)
    #expect(error?.exitStatus == 1)
  }
}
