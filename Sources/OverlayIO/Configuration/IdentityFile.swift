import OverlayCore

/// A file of `conf.d` with one more identity, whose onion service Tor makes.
public struct IdentityFile: Equatable, Sendable {
  /// What the identity is called.
  public let label: Petname

  /// The file of the identity of this label.
  public init(_ label: Petname) { self.label = label }

  private var file: WrittenFile {
    WrittenFile(
      "40-identity-\(label).conf",
      mark: "# Written by 'oncilla identity add', and removed by 'oncilla identity remove'.")
  }

  /// Returns its path, in the configuration in this directory.
  public func path(in directory: String) -> String { file.path(in: directory) }

  /// Returns whether there is one, in the configuration in this directory.
  public func exists(in directory: String) -> Bool { file.exists(in: directory) }

  /// Returns the line of an identity that listens there.
  public func line(_ listen: SocketAddress) -> String { "identity = \(label),listen=\(listen)" }

  /// Returns whether there is one that is ours, in the configuration in this directory: it has our mark and nothing
  /// else.
  public func isOurs(in directory: String) throws(SystemError) -> Bool { try file.isOurs(in: directory) }

  /// Writes the file. Throws EEXIST if there is one already.
  public func write(_ listen: SocketAddress, to directory: String) throws(SystemError) {
    try file.write(line(listen), to: directory)
  }

  /// Removes the file; whether there was one that is ours.
  public func remove(from directory: String) throws(SystemError) -> Bool { try file.remove(from: directory) }
}
