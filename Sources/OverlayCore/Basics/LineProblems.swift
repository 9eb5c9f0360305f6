/// The problems that were found in a file with one record in each line. Blanks separate the fields of a record, and `#`
/// begins a comment. A carriage return before the end of a line and a byte order mark before the first line are
/// ignored. A line with a problem is left out; the other lines count.
public struct LineProblems: Equatable, Sendable {
  /// A line that was left out.
  struct Problem: Equatable, Sendable, CustomStringConvertible {
    /// The line's number; the first is 1.
    let line: Int
    /// What was wrong and what is accepted. The text quotes nothing of the line, which may hold a secret.
    let text: String

    /// The problem with its line's number: `line 3: …`.
    public var description: String { "line \(line): \(text)" }
  }

  /// The first problems, at most `mostTold`, and the problem that ended the reading, if one did.
  private(set) var told: [Problem] = []
  /// The number of problems that are not in `told`.
  private(set) var untold = 0

  // What some editors begin a file of UTF-8 with.
  private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

  /// The number of problems that are kept with their text.
  static let mostTold = 20

  /// Reads a file whose whole content is `bytes`. It calls `take` with the fields of each line that has any, and keeps
  /// the errors that `take` throws.
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

  /// The number of lines that were not understood.
  var count: Int { told.count + untold }

  /// Whether every line was understood.
  public var isEmpty: Bool { told.isEmpty }

  /// Returns lines for the log about the file called `file`: one for each problem in `told`, and one that counts the
  /// others.
  public func report(of file: String) -> [String] {
    let rest = "\(file): \(untold) more line\(untold == 1 ? " is" : "s are") not understood"
    return told.map { "\(file), \($0)" } + (untold > 0 ? [rest] : [])
  }
}

/// The reason why a line of a file is left out. Its description tells what was wrong and what is accepted, and quotes
/// nothing of the line.
protocol LineError: Error, CustomStringConvertible {
  /// Whether the lines after this one are left out, too.
  var endsReading: Bool { get }
}
