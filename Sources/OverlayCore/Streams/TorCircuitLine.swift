/// The line that Tor writes before what a connection to an onion service brings, if torrc says
/// `HiddenServiceExportCircuitID haproxy` (tor(1); version 1 of the PROXY protocol, at most 107 bytes):
///
///     PROXY TCP6 fc00:dead:beef:4dad::X:Y ::1 PORT PORT\r\n
///
/// X and Y are the halves of the number by which Tor knows the circuit. Connections with the same number come through
/// the same circuit, and so from the same caller. Another caller never has that number; one caller may have several.
struct TorCircuitLine: Equatable, Sendable {
  /// The greatest length of a line in bytes, with its end.
  static let longest = 107

  /// The number of the circuit.
  let circuit: UInt32

  private static let start = Array("PROXY TCP6 fc00:dead:beef:4dad::".utf8)

  /// Reads a line without its end.
  init(_ line: some Collection<UInt8>) throws(TorCircuitLineError) {
    guard line.starts(with: TorCircuitLine.start) else { throw .otherLine }
    let fields = line.dropFirst(TorCircuitLine.start.count).split(
      separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard fields.count == 4, fields[1].elementsEqual("::1".utf8),
      fields[2...].allSatisfy({ UInt16(decimal: String(decoding: $0, as: UTF8.self)) != nil })
    else { throw .malformed }
    let halves = fields[0].split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard halves.count == 2, let high = TorCircuitLine.half(halves[0]), let low = TorCircuitLine.half(halves[1]) else {
      throw .malformed
    }
    circuit = UInt32(high) << 16 | UInt32(low)
  }

  /// The line of this circuit, with its end.
  init(circuit: UInt32) { self.circuit = circuit }

  /// The line with its end, as Tor writes it for this port of the onion service.
  func bytes(port: UInt16) -> [UInt8] {
    let (high, low) = (String(circuit >> 16, radix: 16), String(circuit & 0xffff, radix: 16))
    return TorCircuitLine.start + Array("\(high):\(low) ::1 \(circuit & 0xffff) \(port)\r\n".utf8)
  }

  /// Reads one to four hexadecimal digits.
  private static func half(_ digits: some Collection<UInt8>) -> UInt16? {
    guard (1...4).contains(digits.count) else { return nil }
    var value: UInt16 = 0
    for digit in digits {
      guard let next = digit.hexadecimalValue else { return nil }
      value = value << 4 | UInt16(next)
    }
    return value
  }

  /// Returns whether a line of Tor can begin with these bytes.
  fileprivate static func canBegin(with bytes: some Collection<UInt8>) -> Bool {
    zip(start, bytes).allSatisfy { $0 == $1 }
  }
}

/// The reason why the first bytes of a connection are no line of Tor about its circuit.
enum TorCircuitLineError: Error, Equatable, Sendable, CustomStringConvertible {
  /// They are something else: Tor writes no such line, or somebody else than Tor has connected.
  case otherLine
  /// They begin as such a line does, and do not go on so.
  case malformed
  /// No end of a line is among the first 107.
  case tooLong

  /// A description for the log.
  var description: String {
    switch self {
    case .otherLine: "no line of Tor about its circuit"
    case .malformed: "a malformed line about its circuit"
    case .tooLong: "a line about its circuit without an end"
    }
  }
}

/// Takes the line of Tor off the front of a connection, whose bytes can come one at a time. It holds at most
/// `TorCircuitLine.longest` of them.
struct TorCircuitLineReader: Equatable, Sendable {
  private var begun: [UInt8] = []

  /// Makes a reader to which nothing has come.
  init() {}

  /// Takes bytes off the front of `input`, up to the end of the line. It returns `nil` if more are needed.
  mutating func consume(_ input: inout UnsafeRawBufferPointer) throws(TorCircuitLineError) -> TorCircuitLine? {
    let room = TorCircuitLine.longest - begun.count
    let end = input.prefix(room).firstIndex(of: UInt8(ascii: "\n"))
    begun += input.prefix(end.map { $0 + 1 } ?? room)
    input = UnsafeRawBufferPointer(rebasing: input.dropFirst(end.map { $0 + 1 } ?? room))
    guard TorCircuitLine.canBegin(with: begun) else { throw .otherLine }
    guard end != nil else {
      guard begun.count < TorCircuitLine.longest else { throw .tooLong }
      return nil
    }
    guard begun.suffix(2).elementsEqual("\r\n".utf8) else { throw .malformed }
    return try TorCircuitLine(begun.dropLast(2))
  }
}
