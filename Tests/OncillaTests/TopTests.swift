import OverlayCore
import Testing

@testable import oncilla
@testable import OverlayIO

@Suite("Top")
struct TopTests {
  static let start = Instant(nanoseconds: 1_000_000_000)

  static func peer(
    _ label: String, _ state: String = "up", received: Int64 = 0, sent: Int64 = 0, roundTrip: Int64? = nil,
    error: String? = nil
  ) -> JSONValue {
    [
      "petname": .string(label), "name": .string(label + ".onion"), "state": .string(state),
      "bytes_received": .integer(received), "bytes_sent": .integer(sent),
      "round_trip_us": roundTrip.map { .integer($0) } ?? .null, "circuits_out": 2, "circuits_in": 1,
      "last_error": error.map { ["text": .string($0), "age_seconds": 70] } ?? .null,
    ]
  }

  static func reading(_ peers: [JSONValue], state: String = "ready") -> TopReading {
    TopReading([
      "summary": "ready: fd87:d87e:eb43::1 is a.onion", "state": .string(state), "uptime_seconds": 3_700,
      "identities": [["peers": .array(peers)]],
    ])
  }

  /// A model that took these readings, a second apart.
  static func model(_ readings: [[JSONValue]]) -> TopModel {
    var model = TopModel()
    for (second, peers) in readings.enumerated() { model.take(reading(peers), at: start + .seconds(second)) }
    return model
  }

  static let sample = model([
    [
      peer("alice", received: 1_000, sent: 0, roundTrip: 310_400),
      peer("bob", "idle", error: "its daemon is not running"),
    ],
    [
      peer("alice", received: 3_501_000, sent: 900, roundTrip: 310_400),
      peer("bob", "idle", error: "its daemon is not running"),
    ],
  ])

  static func picture(_ model: TopModel, _ view: TopView = TopView(), rows: Int = 24, columns: Int = 80) -> [String] {
    TopLayout(rows: rows, columns: columns, isUnicode: true).lines(model, view).map(\.text)
  }

  @Test("a rate is what came between two readings, by the time between them")
  func rates() {
    var model = TopModel()
    model.take(TopTests.reading([TopTests.peer("alice", received: 100, sent: 50)]), at: TopTests.start)
    #expect(model.rows.map(\.history) == [[]])
    model.take(
      TopTests.reading([TopTests.peer("alice", received: 4_100, sent: 1_050)]), at: TopTests.start + .seconds(2))
    #expect(model.rows.map(\.rateIn) == [2_000])
    #expect(model.rows.map(\.rateOut) == [500])
    #expect(model.rows.map(\.history) == [[2_500]])
  }

  @Test("a daemon that began anew, and one that was away, make no rate of their absence")
  func restart() {
    var model = TopTests.model([[TopTests.peer("alice", received: 5_000)], [TopTests.peer("alice", received: 10)]])
    #expect(model.rows.map(\.rateIn) == [0])
    model.fail("oncilla is not running")
    #expect(model.rows.count == 1)
    model.take(TopTests.reading([TopTests.peer("alice", received: 9_000_000)]), at: TopTests.start + .seconds(60))
    #expect(model.rows.map(\.rateIn) == [0])
    #expect(model.failure == nil)
  }

  @Test("a history is bounded, and goes with its peer")
  func bounds() {
    var model = TopModel()
    for second in 0..<200 {
      let peers = [TopTests.peer("alice", received: Int64(second) * 1_000), TopTests.peer("bob")]
      model.take(TopTests.reading(peers), at: TopTests.start + .seconds(second))
    }
    #expect(model.rows.map(\.history.count) == [TopModel.longestHistory, TopModel.longestHistory])
    model.take(TopTests.reading([TopTests.peer("bob")]), at: TopTests.start + .seconds(200))
    #expect(model.rows.map(\.peer.label) == ["bob"])
  }

  @Test("a terminal of 80 columns shows the sentence, the sums, the peers and the keys")
  func picture() {
    let lines = TopTests.picture(TopTests.sample, rows: 7)
    #expect(
      lines == [
        "ready: fd87:d87e:eb43::1 is a.onion",
        "2 peers, 1 up; in 3.5 MB/s, out 900 B/s; 3.5 MB received, 900 B sent; circuits …",
        "PEER     STATE           RTT     IN/s    OUT/s RECEIVED     SENT OUT/IN RATE",
        "alice    up           310 ms   3.5 MB    900 B   3.5 MB    900 B    2/1        █",
        "bob      idle              -        -        -      0 B      0 B    2/1         ",
        "q quit  h help  < > sort: PEER  r reverse  p pause",
      ])
  }

  @Test("a wide terminal shows why a peer is not reached")
  func wide() {
    let lines = TopTests.picture(TopTests.sample, columns: 160)
    #expect(lines[4].hasSuffix("its daemon is not running (1 min 10 s ago)"))
  }

  @Test("status and top print one table: the same columns, units and next tries")
  func table() throws {
    var waiting = try #require(TopTests.peer("carol", "idle").object)
    waiting["next_try"] = ["when": "after", "seconds": 12]
    var up = try #require(TopTests.peer("alice", received: 3_500, sent: 900, roundTrip: 310_400).object)
    (up["since_seconds"], up["received_bytes_per_second"]) = (70, 1_500)
    let lines = PeerText.table([.object(up), .object(waiting)]).text().split(separator: "\n")
    #expect(
      lines == [
        "PEER   STATE             RTT    IN/s  OUT/s  RECEIVED   SENT  OUT/IN  LAST ERROR, NEXT TRY",
        "alice  up 1 min 10 s  310 ms  1.5 kB      -    3.5 kB  900 B     2/1",
        "carol  idle                -       -      -       0 B    0 B     2/1  next try in 12 s",
      ])
    #expect(PeerText.lines(.object(waiting)).hasSuffix("next try:   next try in 12 s\n"))
  }

  @Test("programs get the peers as status tells of them, with the rates that were measured")
  func json() throws {
    let status: JSONObject = [
      "state": "ready", "summary": "ready", "uptime_seconds": 3_700,
      "identities": [["address": "fd87:d87e:eb43::1", "peers": [TopTests.peer("alice", received: 9_000)]]],
    ]
    var model = TopModel()
    model.take(TopTests.reading([TopTests.peer("alice", received: 5_000)]), at: TopTests.start)
    model.take(TopReading(status), at: TopTests.start + .seconds(2))
    let told = try JSONValue(parsing: Array(model.json(of: status).line.utf8), limit: .max)
    #expect(told["schema"] == 1 && told["state"] == "ready" && told["uptime_seconds"] == 3_700)
    let peer = try #require(told["peers"]?.array?.first)
    #expect(peer["petname"] == "alice" && peer["bytes_received"] == 9_000)
    #expect(peer["received_bytes_per_second"] == 2_000 && peer["sent_bytes_per_second"] == 0)
    #expect(peer["identity"] == "fd87:d87e:eb43::1")
  }

  @Test("no screen is too small, and no line longer than the screen")
  func sizes() {
    var help = TopView()
    _ = help.take(.character("h"), rows: 2, page: 1)
    var gone = TopTests.sample
    gone.fail("oncilla is not running")
    for rows in [0, 1, 2, 3, 4, 5, 24, 60] {
      for columns in [0, 1, 2, 7, 8, 9, 20, 40, 79, 80, 81, 132, 200, 400] {
        let layout = TopLayout(rows: rows, columns: columns, isUnicode: rows % 2 == 0)
        for model in [TopTests.sample, gone, TopModel()] {
          for view in [TopView(), help] {
            let lines = layout.lines(model, view)
            #expect(lines.count <= rows)
            #expect(lines.allSatisfy { $0.text.count <= max(1, columns) }, "\(rows) \(columns)")
          }
        }
      }
    }
  }

  @Test("a daemon that is gone is told, and what was known of it stays")
  func gone() {
    var model = TopTests.sample
    model.fail("oncilla is not running (no daemon at /run/oncilla/control.sock)")
    let lines = TopTests.picture(model)
    #expect(lines[1] == "trying again: oncilla is not running (no daemon at /run/oncilla/control.sock)")
    #expect(lines[3].hasPrefix("alice"))
    #expect(
      TopLayout(rows: 24, columns: 80, isUnicode: true).lines(TopModel(), TopView()).first?.text == "asking the daemon")
  }

  @Test("a terminal that knows ASCII alone gets nothing else")
  func ascii() {
    for columns in [10, 80, 200] {
      let lines = TopLayout(rows: 24, columns: columns, isUnicode: false).lines(TopTests.sample, TopView())
      #expect(lines.allSatisfy { $0.text.allSatisfy(\.isASCII) })
    }
    #expect(RateGraph.text([0, 1, 5_000, 10_000], width: 5, isUnicode: false) == "  .=@")
  }

  @Test("a graph shows the newest rates at the right, a full bar for the greatest")
  func graph() {
    #expect(RateGraph.text([], width: 3, isUnicode: true) == "   ")
    #expect(RateGraph.text([0, 10_000, 5_000, 1], width: 6, isUnicode: true) == "   █▄▁")
    #expect(RateGraph.text([9, 8_000, 4_000], width: 2, isUnicode: true) == "█▄")
    #expect(RateGraph.text([100], width: 1, isUnicode: true) == "▁", "keepalives make no mountain")
    #expect(RateGraph.text([.max, .max], width: 2, isUnicode: true) == "██")
    #expect(RateGraph.text([1], width: 0, isUnicode: true).isEmpty)
  }

  @Test("the table is sorted by the column that is chosen, and the other way round")
  func sorting() {
    let model = TopTests.model([
      [TopTests.peer("a", "idle"), TopTests.peer("b", "up", roundTrip: 5), TopTests.peer("c", "connecting")],
      [
        TopTests.peer("a", "idle", sent: 3_000), TopTests.peer("b", "up", received: 9_000, roundTrip: 5),
        TopTests.peer("c", "connecting", received: 1, sent: 10_000),
      ],
    ])
    let orders: [(TopColumn, String)] = [
      (.peer, "abc"), (.state, "bca"), (.roundTrip, "bac"), (.rateIn, "bca"), (.rateOut, "cab"), (.received, "bca"),
      (.sent, "cab"), (.circuits, "abc"), (.graph, "cba"),
    ]
    for (column, order) in orders {
      #expect(column.sorted(model.rows, isReversed: false).map(\.peer.label).joined() == order, "\(column)")
      #expect(column.sorted(model.rows, isReversed: true).map(\.peer.label).joined() == String(order.reversed()))
    }
  }

  @Test("keys choose the order, stop the picture, scroll, show the help and end it")
  func keys() {
    var view = TopView()
    func press(_ key: TopKey) -> Bool { view.take(key, rows: 50, page: 20) }
    #expect(press(.character(">")) && view.sortColumn == .state)
    #expect(press(.character("<")) && press(.left) && view.sortColumn == .graph)
    #expect(press(.character("s")) && view.sortColumn == .peer)
    #expect(press(.character("r")) && view.isReversed)
    #expect(press(.character("p")) && view.isPaused)
    #expect(press(.character("h")) && view.showsHelp)
    #expect(press(.character("\u{1b}")) && !view.showsHelp)
    #expect(press(.up) && view.offset == 0)
    #expect(press(.pageDown) && view.offset == 20)
    #expect(press(.down) && view.offset == 21)
    #expect(press(.end) && press(.pageDown) && view.offset == 30)
    view.limit(rows: 3, page: 20)
    #expect(view.offset == 0)
    #expect(press(.resized) && press(.other) && press(.character("é")))
    #expect(!press(.character("q")))
    #expect(!press(.character("\u{3}")))
  }

  @Test("what is below the last line is scrolled to, and the footer tells where that is")
  func scrolling() {
    let model = TopTests.model([(0..<30).map { TopTests.peer("peer\($0)") }])
    var view = TopView()
    _ = view.take(.end, rows: 30, page: 6)
    let lines = TopTests.picture(model, view, rows: 10)
    #expect(lines[3].hasPrefix("peer24"))
    #expect(lines[8].hasPrefix("peer29"))
    #expect(lines[9].hasPrefix("25-30 of 30"))
  }

  @Test("what a daemon tells cannot steer the terminal")
  func hostile() {
    let model = TopTests.model([[TopTests.peer("a\u{1b}[2J\nb", "\u{7}up", error: "x\u{1b}]0;y\u{7}")]])
    for line in TopTests.picture(model, columns: 200) {
      #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f })
    }
  }

  @Test("an interval is a number of seconds", arguments: ["0", "-1", "3601", "0.5", "x", ""])
  func interval(text: String) {
    let error = #expect(throws: CommandError.self) { try Command.interpret(["top", "--interval=\(text)"]) }
    #expect(error?.exitStatus == 2)
  }
}
