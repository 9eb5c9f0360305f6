import OverlayCore
import OverlayIO

/// What the table tells of a peer, in the order of its columns. The table can be sorted by each but the last.
enum TopColumn: CaseIterable {
  case peer, state, roundTrip, rateIn, rateOut, received, sent, circuits, graph, trouble

  /// The title.
  var title: String {
    switch self {
    case .peer: "PEER"
    case .state: "STATE"
    case .roundTrip: "RTT"
    case .rateIn: "IN/s"
    case .rateOut: "OUT/s"
    case .received: "RECEIVED"
    case .sent: "SENT"
    case .circuits: "OUT/IN"
    case .graph: "RATE"
    case .trouble: "LAST ERROR, NEXT TRY"
    }
  }

  /// The number of characters that the column has at the least. Numbers need no more.
  var width: Int {
    switch self {
    case .peer: 8
    case .state: 10
    case .roundTrip: 8
    case .rateIn, .rateOut: 8
    case .received, .sent: 8
    case .circuits: 6
    case .graph: 8
    case .trouble: 20
    }
  }

  /// The columns in the order in which they get room.
  static let byImportance: [TopColumn] = [
    .peer, .state, .rateIn, .rateOut, .graph, .roundTrip, .circuits, .received, .sent, .trouble,
  ]

  /// Whether numbers are set to the right.
  var isNumber: Bool {
    switch self {
    case .peer, .state, .graph, .trouble: false
    case .roundTrip, .rateIn, .rateOut, .received, .sent, .circuits: true
    }
  }

  /// Returns what stands in the column; empty for the graph.
  func text(of row: TopModel.Row) -> String {
    switch self {
    case .peer: row.peer.label
    case .state: row.peer.stateText
    case .roundTrip: row.peer.roundTrip.map(PeerText.milliseconds) ?? "-"
    case .rateIn: row.rateIn > 0 ? PeerText.bytes(row.rateIn) : "-"
    case .rateOut: row.rateOut > 0 ? PeerText.bytes(row.rateOut) : "-"
    case .received: PeerText.bytes(row.peer.received)
    case .sent: PeerText.bytes(row.peer.sent)
    case .circuits: "\(row.peer.circuitsOut)/\(row.peer.circuitsIn)"
    case .graph: ""
    case .trouble: row.peer.trouble
    }
  }

  /// Returns the table of peers that `status`, `peers` and `top --once` print.
  static func table(_ rows: [TopModel.Row]) -> Table {
    let columns = allCases.filter { $0 != .graph }
    var table = Table(columns.map { ($0.title, $0.isNumber ? .right : .left) })
    for row in rows { table.add(columns.map { $0.text(of: row) }) }
    return table
  }

  /// Returns the rows in the order of this column: texts from A to Z and numbers from the greatest on, unless it is
  /// reversed. Equal ones keep their order.
  func sorted(_ rows: [TopModel.Row], isReversed: Bool) -> [TopModel.Row] {
    let order: (TopModel.Row, TopModel.Row) -> Bool =
      switch self {
      // The daemon tells of configured peers first, and of all by their labels.
      case .peer: { _, _ in false }
      case .state: { TopColumn.rank(of: $0.peer.state) < TopColumn.rank(of: $1.peer.state) }
      case .roundTrip: { $0.peer.roundTrip ?? -1 > $1.peer.roundTrip ?? -1 }
      case .rateIn: { $0.rateIn > $1.rateIn }
      case .rateOut: { $0.rateOut > $1.rateOut }
      case .received: { $0.peer.received > $1.peer.received }
      case .sent: { $0.peer.sent > $1.peer.sent }
      case .circuits:
        {
          $0.peer.circuitsOut &+ $0.peer.circuitsIn > $1.peer.circuitsOut &+ $1.peer.circuitsIn
        }
      case .graph, .trouble: { $0.history.last ?? 0 > $1.history.last ?? 0 }
      }
    // The standard library's sort is stable, and does not promise it.
    let sorted = rows.enumerated().sorted {
      if order($0.element, $1.element) { return true }
      return order($1.element, $0.element) ? false : $0.offset < $1.offset
    }
    return isReversed ? sorted.reversed().map(\.element) : sorted.map(\.element)
  }

  private static func rank(of state: String) -> Int {
    switch state {
    case "up": 0
    case "connecting": 1
    case "idle": 2
    default: 3
    }
  }
}
