import Glibc
import OverlayCore

/// An identity that is kept in a state directory: the file `identity.key`, and `identity-NAME.key` for one that is
/// called NAME, for its owner alone, replaced as a whole. `KeptIdentities` are all of them.
public struct IdentityStore {
  private let directory: String
  private let file: String
  /// What the operator calls it; `nil` for the host itself.
  public let label: Petname?

  /// The store in this state directory, which need not exist; its parent must.
  public init(in directory: String, _ label: Petname? = nil) {
    self.directory = directory
    self.label = label
    file = label.map { "identity-\($0).key" } ?? "identity.key"
  }

  /// The label in the name of a file; `nil` if it is none of a labelled identity.
  static func label(inName name: String) -> Petname? {
    guard name.hasPrefix("identity-"), name.hasSuffix(".key") else { return nil }
    return Petname(name.dropFirst("identity-".count).dropLast(".key".count))
  }

  /// Where the identity is kept.
  public var path: String { "\(directory)/\(file)" }

  /// The identity that is kept; `nil` if there is none.
  public func read() throws(IdentityFiles.Failure) -> StoredIdentity? {
    do throws(IdentityFiles.Failure) {
      return try IdentityFiles.read(path)
    } catch {
      if case .system(let failure) = error, failure.number == ENOENT { return nil }
      throw error
    }
  }

  /// Keeps `identity`, in place of what was kept. It stands on the disk when this returns.
  public func keep(_ identity: StoredIdentity) throws(IdentityFiles.Failure) {
    do throws(SystemError) {
      var text = identity.text
      defer { text.wipe() }
      try KeptFile(file, in: directory).replace(with: text)
    } catch {
      throw .system(error)
    }
  }

  /// Removes the file: the name is gone for good, unless there is a backup.
  public func remove() throws(IdentityFiles.Failure) {
    do throws(SystemError) { try OpenDirectory(directory).remove(file) } catch { throw .system(error) }
  }
}
