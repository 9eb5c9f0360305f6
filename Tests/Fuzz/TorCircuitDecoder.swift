/// The line that Tor writes before what a connection brings.
enum TorCircuitDecoder {
  /// What it says is the same in any pieces, and when it is written and read again; what follows it stays.
  static func run(_ input: inout FuzzInput) {
    let cut = Int(input.byte())
    var bytes = input.all()
    if cut & 1 != 0 { bytes = Array("PROXY TCP6 fc00:dead:beef:4dad::".utf8) + bytes }
    let whole = read([bytes])
    let pieces = read([Array(bytes.prefix(cut)), Array(bytes.dropFirst(cut))])
    check(whole.line == pieces.line && whole.isRefused == pieces.isRefused, "a line in pieces is another")
    check(whole.line == nil || whole.rest == pieces.rest, "what follows a line is lost")
    bytes.withUnsafeBytes { all in
      switch CallDestination(all, isAnnounced: true) {
      case .incomplete(let needed): check(needed > bytes.count && needed <= 147, "more bytes are needed than can be")
      case .noTorLine: check(whole.isRefused, "a line is none")
      case .address, .proxyLine, .none: check(whole.line != nil, "a destination without a line")
      }
    }
    guard let line = whole.line else { return }
    let again = read([TorCircuitLine(circuit: line.circuit).bytes(port: 8_060)])
    check(again.line == line && again.rest.isEmpty, "a line is another when it is read again")
  }

  private static func read(_ parts: [[UInt8]]) -> (line: TorCircuitLine?, rest: [UInt8], isRefused: Bool) {
    var reader = TorCircuitLineReader()
    var line: TorCircuitLine?
    var rest: [UInt8] = []
    for part in parts {
      if line != nil {
        rest += part
        continue
      }
      do {
        try part.withUnsafeBytes { bytes in
          var left = bytes
          line = try reader.consume(&left)
          rest = Array(left)
        }
      } catch {
        return (nil, [], true)
      }
    }
    return (line, rest, false)
  }
}
