/// What a lookup service says: the full name of its host, and a line's end. It never reads, and closes.
///
/// Whoever asks believes it only where the name maps to the address that was asked for. So nobody can lie, and anybody
/// can be silent or tell nonsense: each way in which that ends is a case of its own.
public struct LookupAnswer: Equatable, Sendable {
  /// The most bytes that are looked at: a full name of version 3 and its line's end are fewer.
  public static let longest = 64

  /// The overlay address whose name is asked for.
  public let address: IPv6Address
  private var line: [UInt8] = []

  /// An answer about this address of which nothing has come.
  public init(about address: IPv6Address) {
    self.address = address
    line.reserveCapacity(LookupAnswer.longest)
  }

  /// Returns what the lookup service of the host with this name writes.
  public static func line(of name: OnionName) -> [UInt8] { Array("\(name)\n".utf8) }

  /// Takes bytes of the service, in any pieces, and returns the name once its line is there; `nil` says that more has
  /// to come. What follows the line does not count. It throws as soon as the bytes cannot become that line, and nothing
  /// is to be taken after it.
  public mutating func consume(_ bytes: UnsafeRawBufferPointer) throws(LookupFailure) -> OnionName? {
    for byte in bytes {
      if byte == UInt8(ascii: "\n") { return try name() }
      guard LookupAnswer.isOfName(byte) else { throw .notName }
      line.append(byte)
      guard line.count < LookupAnswer.longest else { throw .tooLong }
    }
    return nil
  }

  /// The failure where the service closes before its line has ended.
  public var closed: LookupFailure { line.isEmpty ? .silent : .cut }

  private func name() throws(LookupFailure) -> OnionName {
    let text = String(decoding: line, as: UTF8.self)
    guard text.utf8.count == OnionName.longest, let name = try? OnionName(text) else { throw .notName }
    guard name.address == address else { throw .otherAddress }
    return name
  }

  private static func isOfName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "2")...UInt8(ascii: "7"), UInt8(ascii: "."):
      true
    default: false
    }
  }
}

/// Why a lookup service that was reached told no name that is believed.
public enum LookupFailure: Error, Equatable, Sendable, CaseIterable {
  /// It closed, and had said nothing.
  case silent
  /// It closed within its line.
  case cut
  /// Its line is longer than any full name.
  case tooLong
  /// It said something else than a valid full name of version 3.
  case notName
  /// It told a name of another address.
  case otherAddress
}
