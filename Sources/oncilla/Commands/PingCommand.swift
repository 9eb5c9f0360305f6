import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla ping`: through the daemon, with the times of the circuit and of the echoes apart.
  static let ping = Command(
    name: "ping",
    usage: "PEER [OPTION]...",
    summary: "measure how long a peer takes to answer",
    details: [
      """
      Has the daemon send echo requests to PEER, which is dialled if need be, and prints how long the circuit took and \
      how long each answer. The first along a new circuit mostly takes longer than those that follow. Needs no right \
      to send packets. Fails if nothing was answered.
      """
    ],
    optionRows: PingDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla ping", options: PingDraft.options)
      let parsed = try parser.parse(arguments, into: PingDraft())
      if parsed.wantsHelp { return nil }
      guard let peer = parsed.operands.first else { throw .incomplete(command: "ping", needs: "PEER") }
      if parsed.operands.count > 1 { throw .unexpectedArgument(parsed.operands[1], command: parser.command) }
      let daemon = try DaemonConnection(instance, parsed.draft.control)
      var run = PingRun(peer, parsed.draft)
      for number in 1...parsed.draft.count {
        if number > 1 { SystemCall.sleep(milliseconds: 1_000) }
        let line = try run.echo(number, daemon)
        if !parsed.draft.isJSON, Console.print(line) != 0 { break }
      }
      return .output(try run.summary())
    })
}

/// A series of echo requests.
struct PingRun {
  private let peer: String
  private let draft: PingDraft
  private var times: [Int64] = []
  private var circuit: Int64?
  private var sent = 0
  private var address = ""
  private var failure: CommandError?

  /// Makes a series that has sent nothing.
  init(_ peer: String, _ draft: PingDraft) {
    self.peer = peer
    self.draft = draft
  }

  /// Sends one and waits for its answer. It returns what is to be said of it. It throws if it is no use to go on.
  mutating func echo(_ number: Int, _ daemon: borrowing DaemonConnection) throws(CommandError) -> String {
    sent += 1
    let arguments: JSONObject = ["peer": .string(peer), "timeout_seconds": .integer(Int64(draft.patience))]
    do throws(CommandError) {
      let result = try daemon.ask("ping", arguments, patience: .seconds(draft.patience + 10))
      let time = result["round_trip_us"]?.integer ?? 0
      var text = ""
      if address.isEmpty {
        address = result["address"]?.string ?? "?"
        text += "PING \(peer.quotedLine()) (\(address.quotedLine()), \(result["name"]?.string ?? "?"))\n"
      }
      if let circuit = result["circuit_us"]?.integer {
        self.circuit = circuit
        text += "circuit: \(PeerText.milliseconds(circuit))\n"
      }
      times.append(time)
      return text + "echo \(number): \(PeerText.milliseconds(time))\n"
    } catch {
      guard case .daemon(let status, let why) = error, status == 124 || status == 1, times.count > 0 || status == 124
      else { throw error }
      failure = error
      return "echo \(number): \(why.quotedLine(limit: 400))\n"
    }
  }

  /// Returns the result of all. It throws if nothing was answered.
  func summary() throws(CommandError) -> String {
    guard let first = times.first else { throw failure ?? .failed("nothing was answered") }
    if draft.isJSON {
      let result: JSONObject = [
        "peer": .string(peer), "address": .string(address), "sent": .integer(Int64(sent)),
        "answered": .integer(Int64(times.count)), "circuit_us": circuit.map { .integer($0) } ?? .null,
        "round_trips_us": .array(times.map { .integer($0) }),
      ]
      return result.line
    }
    var text = "\(sent) sent, \(times.count) answered; first \(PeerText.milliseconds(first))"
    let later = times.dropFirst()
    if let least = later.min(), let most = later.max() {
      let mean = later.reduce(0, +) / Int64(later.count)
      text +=
        ", later \(PeerText.milliseconds(least)) to \(PeerText.milliseconds(most)), mean \(PeerText.milliseconds(mean))"
    }
    return text + "\n"
  }
}

/// The options of `oncilla ping` while they are being read.
struct PingDraft: ReadingDraft {
  var control: String?
  var isJSON = false
  /// The number of echo requests.
  var count = 4
  /// The time in seconds in which each has to be answered.
  var patience = 70

  static var options: [Option<PingDraft>] {
    [
      Option("-c", "N", default: "4", "How many echo requests, 1 to 10000, a second apart.") {
        draft, value throws(SettingValue.Refusal) in
        draft.count = try SettingValue.number(value, in: 1...10_000) { $0 }
      },
      Option("-W", "SECONDS", default: "70", "How long each may take, a new circuit included, 1 to 300.") {
        draft, value throws(SettingValue.Refusal) in
        draft.patience = try SettingValue.number(value, in: 1...300) { $0 }
      },
      .json(), .control(),
    ]
  }
}
