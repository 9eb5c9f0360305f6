import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla top`: the peers as they are now, and how fast.
  static let top = Command(
    name: "top",
    usage: "[OPTION]...",
    summary: "watch the peers, and how fast they are",
    details: [
      """
      Shows the table of 'oncilla status' again every second, with a graph of how fast each peer is: 'h' explains the \
      keys, 'q' ends it. If standard input or output is no terminal it prints one table and ends, as with --once.
      """
    ],
    optionRows: TopDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla top", options: TopDraft.options)
      guard let draft = try parser.parseOptions(arguments, into: TopDraft()) else { return nil }
      let watch = TopWatch(instance: instance, draft: draft)
      if draft.isJSON || draft.isOnce || !Console.isInteractive { return .output(try watch.once()) }
      try watch.run()
      return .output("")
    })
}

/// The options of `oncilla top` while they are being read.
struct TopDraft: ReadingDraft {
  var control: String?
  var isJSON = false
  var isOnce = false
  /// The time between two readings, in seconds.
  var interval = 1

  static var options: [Option<TopDraft>] {
    [
      Option(flag: "--once", "Print one table, with the rates of one interval, and end.") { $0.isOnce = true },
      Option("--interval", "S", default: "1", "Seconds between two readings, 1 to 3600.") {
        draft, value throws(SettingValue.Refusal) in
        draft.interval = try SettingValue.number(value, in: 1...3600, as: { $0 })
      },
      .json("Print one line of JSON, with the rates of one interval, and end."), .control(),
    ]
  }
}

/// The work of `oncilla top`.
struct TopWatch {
  let instance: Instance
  let draft: TopDraft

  /// How long a daemon may take that is asked again soon: meanwhile no key is answered.
  private static let patience = OverlayCore.Duration.seconds(2)

  /// Asks twice, an interval apart, and returns what is to be printed.
  func once() throws(CommandError) -> String {
    let connection = try DaemonConnection(instance, draft.control)
    var model = TopModel()
    model.take(TopReading(try connection.ask("status")), at: SystemCall.now)
    SystemCall.sleep(milliseconds: UInt32(draft.interval) * 1_000)
    let status = try connection.ask("status")
    let reading = TopReading(status)
    model.take(reading, at: SystemCall.now)
    if draft.isJSON { return model.json(of: status).line }
    let table = TopColumn.table(model.rows)
    let style = Console.style
    return style.bold(reading.summary) + "\n" + TopLayout.totals(model, reading) + "\n\n" + table.text(style)
  }

  /// Draws on the terminal until the user has seen enough.
  func run() throws(CommandError) {
    var connection: DaemonConnection? = try DaemonConnection(instance, draft.control, isQuiet: true)
    var model = TopModel()
    model.take(TopReading(try ask(connection)), at: SystemCall.now)
    let screen: Screen
    do throws(Screen.Failure) {
      screen = try Screen(hasColors: Console.hasColors)
    } catch {
      throw .failed(TopWatch.reason(error))
    }
    let isUnicode = Screen.isUnicode
    let interval = OverlayCore.Duration.seconds(draft.interval)
    var view = TopView()
    var next = SystemCall.now + interval
    // How often the terminal had no key and did not wait for one: it is gone.
    var refusals = 0
    while refusals < 20 {
      let (rows, columns) = screen.size
      let layout = TopLayout(rows: rows, columns: columns, isUnicode: isUnicode)
      view.limit(rows: model.rows.count, page: layout.page)
      screen.show(layout.lines(model, view))
      let began = SystemCall.now
      let wait = max(1, Int((next - began).wholeMicroseconds / 1_000) + 1)
      if let key = screen.key(milliseconds: wait) {
        refusals = 0
        if !view.take(key, rows: model.rows.count, page: layout.page) { return }
      } else if wait > 20, SystemCall.now - began < .milliseconds(wait / 2) {
        refusals += 1
      }
      guard SystemCall.now >= next else { continue }
      if !view.isPaused { read(&connection, into: &model) }
      next = SystemCall.now + interval
    }
  }

  /// Takes a reading, or notes why there is none.
  private func read(_ connection: inout DaemonConnection?, into model: inout TopModel) {
    do throws(CommandError) {
      if connection == nil { connection = try DaemonConnection(instance, draft.control, isQuiet: true) }
      model.take(TopReading(try ask(connection)), at: SystemCall.now)
    } catch {
      // What it answers later would be taken for the answer to another question.
      connection = nil
      model.fail(error.description)
    }
  }

  private func ask(_ connection: DaemonConnection?) throws(CommandError) -> JSONObject {
    try connection?.ask("status", patience: TopWatch.patience) ?? [:]
  }

  private static func reason(_ failure: Screen.Failure) -> String {
    switch failure {
    case .noLibrary: "top needs ncurses: sudo apt install libncursesw6; or oncilla top --once"
    case .unknownTerminal:
      "ncurses does not know the terminal '\((SystemCall.variable("TERM") ?? "").quotedLine())': "
        + "sudo apt install ncurses-term, or oncilla top --once"
    }
  }
}
