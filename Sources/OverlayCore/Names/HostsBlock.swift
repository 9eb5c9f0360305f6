/// Lines of hosts(5) for peers, and their place in a file that holds the lines of others, too: between two marks, each
/// a line of its own. What stands outside of them is left as it is, to the byte.
public struct HostsBlock: Equatable, Sendable {
  /// A peer, by its names.
  public struct Entry: Hashable, Sendable {
    /// The onion name, which tells the address.
    public let name: OnionName
    /// What it is called here, if it is.
    public let petname: Petname?

    /// A peer of these names.
    public init(_ name: OnionName, petname: Petname? = nil) {
      (self.name, self.petname) = (name, petname)
    }

    /// The line: the address, and the names from the one that the address is called by on. A petname stands there
    /// with its zone and without, as people type it; only `localhost` remains what it is everywhere.
    public func line(zone: String) -> String {
      var fields = ["\(name.address)"]
      if let petname {
        fields.append("\(petname).\(zone)")
        if petname.description != "localhost" { fields.append("\(petname)") }
      }
      // What version 2 was is found nowhere any more, but by its address.
      fields.append("\(name)")
      return fields.joined(separator: " ")
    }
  }

  /// What an address of this host itself is called in a zone. The second label keeps it apart from all petnames.
  private static let ownName = "host.self."

  /// The line for an address of this host itself, or for the one that its refusals come from. Programs ask what such an
  /// address is called (ping of whoever refuses, `hostname` of all that the host has), and without it the question
  /// would leave.
  public static func line(own address: IPv6Address, zone: String) -> String { "\(address) \(ownName)\(zone)" }

  /// Returns whether a name is that of an address of this host itself, in any zone.
  static func isOwn(_ name: String) -> Bool { name.hasPrefix(ownName) }

  /// Why a file is left alone.
  public enum Problem: Error, Equatable, Sendable, CustomStringConvertible {
    /// The mark of the begin at this line has no mark of the end behind it.
    case endMissing(line: Int, mark: String)
    /// The mark of the end at this line has no mark of the begin before it.
    case beginMissing(line: Int, mark: String)
    /// There is a second block, which begins at this line.
    case repeated(line: Int, mark: String)

    /// What is wrong, and what helps.
    public var description: String {
      switch self {
      case .endMissing(let line, let mark):
        "line \(line): no '\(mark)' follows: remove this line, or what is left of the block"
      case .beginMissing(let line, let mark): "line \(line): no '\(mark)' stands before: remove this line"
      case .repeated(let line, let mark): "line \(line): a second '\(mark)': remove one of both blocks"
      }
    }
  }

  /// The lines between the marks.
  public let lines: [String]
  private let begin: String
  private let end: String

  /// A block of these lines. `owner`, a word, tells the blocks of several daemons apart.
  public init(_ lines: [String], of owner: String) {
    self.lines = lines
    begin = "# BEGIN oncilla \(owner)"
    end = "# END oncilla \(owner)"
  }

  /// The block as it stands in a file; empty without lines.
  public var text: String {
    guard !lines.isEmpty else { return "" }
    let note = "# Kept by oncilla: what is changed in here is lost."
    return ([begin, note] + lines + [end]).map { $0 + "\n" }.joined()
  }

  /// Returns the content of a file with this block in the place of the one in it, or at its end. Without lines there is
  /// no block afterwards. A file whose last line does not end gets the end of that, and no other byte outside the block
  /// is another.
  public func placed(in file: [UInt8]) throws(Problem) -> [UInt8] {
    let block = Array(text.utf8)
    guard let place = try place(in: file) else {
      guard !block.isEmpty else { return file }
      let isOpen = file.last.map { $0 != UInt8(ascii: "\n") } ?? false
      return file + (isOpen ? [UInt8(ascii: "\n")] : []) + block
    }
    return file[..<place.lowerBound] + block + file[place.upperBound...]
  }

  /// Where the block stands, its marks included.
  private func place(in file: [UInt8]) throws(Problem) -> Range<Int>? {
    var found: Range<Int>?
    var open: (start: Int, line: Int)?
    var (start, number) = (0, 0)
    while start < file.count {
      let stop = file[start...].firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? file.count
      let line = file[start..<stop]
      number += 1
      if HostsBlock.isMark(line, begin) {
        guard open == nil, found == nil else { throw .repeated(line: number, mark: begin) }
        open = (start, number)
      } else if HostsBlock.isMark(line, end) {
        guard let begun = open else { throw .beginMissing(line: number, mark: begin) }
        found = begun.start..<stop
        open = nil
      }
      start = stop
    }
    if let open { throw .endMissing(line: open.line, mark: end) }
    return found
  }

  /// Whether a line is a mark; editors leave blanks and carriage returns at its end.
  private static func isMark(_ line: ArraySlice<UInt8>, _ mark: String) -> Bool {
    let blanks = Set(" \t\r\n".utf8)
    let last = line.lastIndex { !blanks.contains($0) } ?? line.startIndex - 1
    return line[line.startIndex..<last + 1].elementsEqual(mark.utf8)
  }
}
