/// What is wrong with the lines of a file of records, one a line. Fields stand between blanks, a comment begins with `#`,
/// and CR before a line's end and a byte order mark before the first are tolerated. A line that says anything else is left out, and leaves the others as they
/// are.
public struct LineProblems: Equatable, Sendable {
  /// A line that was left out.
  public struct Problem: Equatable, Sendable, CustomStringConvertible {
    /// The line's number; the first is 1.
    public let line: Int
    /// What was wrong and what is accepted; nothing of the line itself.
    public let text: String

    /// The problem as a log line's end: `line 3: …`.
    public var description: String { "line \(line): \(text)" }
  }

  /// The first problems, at most `mostTold`, and the one that ended the reading.
  public private(set) var told: [Problem] = []
  /// How many problems there are beyond those.
  public private(set) var untold = 0

  // What some editors begin a file of UTF-8 with.
  private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

  /// How many problems are kept with their text.
  public static let mostTold = 20

  /// Reads a file whose whole content is `bytes`: `take` gets the fields of each line that has any.
  init<Failure: LineError>(reading bytes: [UInt8], _ take: (_ fields: [String]) throws(Failure) -> Void) {
    var rest = bytes[...]
    if rest.starts(with: LineProblems.byteOrderMark) { rest = rest.dropFirst(LineProblems.byteOrderMark.count) }
    var number = 0
    while !rest.isEmpty {
      let line = rest.prefix { $0 != UInt8(ascii: "\n") }
      rest = rest.dropFirst(line.count + 1)
      number += 1
      let content = line.prefix { $0 != UInt8(ascii: "#") }
      let fields = content.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
      if fields.isEmpty { continue }
      do throws(Failure) {
        try take(fields.map { String(decoding: $0, as: UTF8.self) })
      } catch {
        if told.count < LineProblems.mostTold || error.endsReading {
          told.append(Problem(line: number, text: error.description))
        } else {
          untold += 1
        }
        if error.endsReading { return }
      }
    }
  }

  /// Whether no line was left out.
  public var isEmpty: Bool { told.isEmpty }

  /// The problems of the file that is called `file`, for the log: a line for each that is told, and one for the rest.
  public func report(of file: String) -> [String] {
    let rest = "\(file): \(untold) more line\(untold == 1 ? " is" : "s are") not understood"
    return told.map { "\(file), \($0)" } + (untold > 0 ? [rest] : [])
  }
}

/// Why a line of a file is left out: what was wrong and what is accepted, and nothing of the line itself.
protocol LineError: Error, CustomStringConvertible {
  /// Whether the lines after it are left out, too.
  var endsReading: Bool { get }
}
