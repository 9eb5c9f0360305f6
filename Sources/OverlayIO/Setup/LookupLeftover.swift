import Glibc
import OverlayCore

/// Tor's part of a lookup service that an earlier 'oncilla setup' wrote: the file, and the line of torrc that includes
/// it. While they are there Tor serves the name, whatever the daemon's configuration says.
public struct LookupLeftover: Equatable, Sendable {
  /// Why it cannot be found, or is not taken away.
  public enum Failure: PermissionError, Equatable {
    /// The file at this path says something else than setup wrote there.
    case changed(String)
    /// A step failed.
    case system(SystemError)

    /// Whether this user lacks a right.
    public var isDenied: Bool { if case .system(let error) = self { error.isDenied } else { false } }

    /// The line for the operator.
    public var description: String {
      switch self {
      case .changed(let path):
        "\(path) says something else than setup wrote there, and is left alone: what it makes Tor serve is served on "
          + "until you take it out"
      case .system(let error): "\(error)"
      }
    }
  }

  /// The file; `nil` if it is gone.
  public let file: SetupPlan.File?
  /// The line of torrc; `nil` if it is gone.
  public let line: String?

  /// Looks for it; `nil` if nothing is there. The key of the lookup name, which is no secret, does not count.
  public init?(_ places: SetupPlaces) throws(Failure) {
    let (path, line) = (places.lookupFile, SetupPlan.includeLine(places.lookupFile))
    let torrc = try LookupLeftover.read(places.torrc) ?? ""
    let isIncluded = torrc.split(whereSeparator: \.isNewline).contains { PastedName.trimmed($0) == line }
    let text = try LookupLeftover.read(path)
    guard isIncluded || text != nil else { return nil }
    if let text {
      let port = text.split(whereSeparator: \.isNewline).last?.split(separator: ":").last.flatMap { UInt16($0) }
      guard let port, text == SetupPlan.lookupText(port: port, places) else { throw .changed(path) }
    }
    file = text.map { SetupPlan.File(path: path, text: $0) }
    self.line = isIncluded ? line : nil
  }

  private static func read(_ path: String) throws(Failure) -> String? {
    do throws(SystemError) {
      return String(decoding: try readFile(path, limit: 1 << 20), as: UTF8.self)
    } catch {
      // Tor need not be on this host.
      if error.number == ENOENT { return nil }
      throw .system(error)
    }
  }
}
