import Glibc
import OverlayCore

/// Who writes hosts files for a daemon that may not.
protocol HostsWriter: AnyObject {
  /// Lets the daemon's block in the file at `path` have these lines.
  func keepHosts(_ lines: [String], in path: String) throws(KeptHosts.Obstacle)
}

/// Keeps the block of a daemon in a hosts file. The file is replaced as a whole, with the owner and the mode that it
/// had, and only where its content changes.
final class KeptHosts {
  /// Why the file is as it was.
  enum Obstacle: Error, Equatable, CustomStringConvertible {
    /// It is a link, and where that leads is somebody else's matter.
    case link
    /// It is no file.
    case noFile
    /// Its marks are not in order.
    case block(HostsBlock.Problem)
    /// A call failed.
    case system(SystemError)
    /// What the process says that writes it.
    case reported(String)

    /// The reason, with what is accepted.
    var description: String {
      switch self {
      case .link: "it is a symbolic link: the path of the file itself is accepted"
      case .noFile: "it is no regular file"
      case .block(let problem): "\(problem)"
      case .system(let error) where error.number == EBUSY:
        "\(error) (it is mounted, as in a container: the path of another file is accepted)"
      case .system(let error): "\(error)"
      case .reported(let reason): reason
      }
    }
  }

  /// The path of the file.
  let path: String
  private let owner: String
  private let writer: (any HostsWriter)?
  private let log: Log
  private var complaint: Obstacle?

  /// The keeper of the file at `path`, for the daemon that `owner`, a word, stands for. Where there is a `writer`, that
  /// writes it.
  init(_ path: String, owner: String, log: Log, by writer: (any HostsWriter)? = nil) {
    (self.path, self.owner, self.log, self.writer) = (path, owner, log, writer)
  }

  /// Lets the block have these lines. Why it has not is told once.
  func keep(_ lines: [String]) {
    do throws(Obstacle) {
      if let writer {
        try writer.keepHosts(lines, in: path)
      } else {
        try KeptHosts.put(HostsBlock(lines, of: owner), into: path)
      }
      if complaint != nil { log.notice("\(path) is kept up to date again") }
      complaint = nil
    } catch {
      if complaint != error { log.warning("\(path) is not kept up to date: \(error)") }
      complaint = error
    }
  }

  /// Puts a block into the file at `path`, which is made where it is missing, in the directory that `found` opens.
  static func put(
    _ block: HostsBlock, into path: String,
    found: (String) throws(SystemError) -> OpenDirectory = { path throws(SystemError) in try OpenDirectory(path) }
  ) throws(Obstacle) {
    let name = StateDirectory.name(of: path)
    let directory = try attempt { () throws(SystemError) in try found(StateDirectory.parent(of: path)) }
    let old: [UInt8]
    let readers: OpenDirectory.Readers
    switch try attempt({ () throws(SystemError) in try directory.readPlain(name, limit: HostsFile.mostBytes) }) {
    case .content(let bytes): (old, readers) = (bytes, .asBefore)
    case .nothing: (old, readers) = ([], .everybody)
    case .link: throw .link
    case .noFile: throw .noFile
    }
    let new: [UInt8]
    do throws(HostsBlock.Problem) { new = try block.placed(in: old) } catch { throw .block(error) }
    guard new != old else { return }
    // Its directory is no place of ours, where a name such as hosts.new may be taken.
    try attempt { () throws(SystemError) in
      try directory.replace(name, with: new, for: readers, draft: ".\(name).oncilla-new")
    }
  }

  private static func attempt<Result: ~Copyable>(
    _ body: () throws(SystemError) -> Result
  ) throws(Obstacle) -> Result {
    do throws(SystemError) { return try body() } catch { throw .system(error) }
  }
}
