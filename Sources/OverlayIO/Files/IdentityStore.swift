import Glibc
import OverlayCore

/// The identity that is kept in a state directory: the file `identity.key`, for its owner alone, replaced as a whole.
/// Beside it `identity.backup` tells when it was last backed up, and which: its fingerprint, which tells no name.
public struct IdentityStore {
  private static let file = "identity.key"
  private static let backupFile = "identity.backup"

  private let directory: String

  /// The store in this state directory, which need not exist; its parent must.
  public init(in directory: String) { self.directory = directory }

  /// Where the identity is kept.
  public var path: String { "\(directory)/\(IdentityStore.file)" }

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
      try SystemCall.makeDirectory(directory, mode: 0o700)
      var text = identity.text
      defer { text.wipe() }
      try OpenDirectory(directory).replace(IdentityStore.file, with: text)
    } catch {
      throw .system(error)
    }
  }

  /// Notes that `identity` was backed up now.
  public func noteBackup(of identity: StoredIdentity) throws(IdentityFiles.Failure) {
    do throws(SystemError) {
      let line = "\(Timestamp.now) \(IdentityStore.mark(of: identity))\n"
      try OpenDirectory(directory).replace(IdentityStore.backupFile, with: Array(line.utf8))
    } catch {
      throw .system(error)
    }
  }

  /// When the identity that is kept was last backed up, as RFC 3339 writes it; `nil` if it never was.
  public func lastBackup() -> String? {
    guard let identity = try? read(),
      let bytes = try? OpenDirectory(directory).read(IdentityStore.backupFile, limit: 256)
    else { return nil }
    let words = String(decoding: bytes, as: UTF8.self).split { $0 == " " || $0 == "\n" }
    return words.count == 2 && words[1] == IdentityStore.mark(of: identity) ? String(words[0]) : nil
  }

  /// A mark of a few characters that tells one identity from the next.
  private static func mark(of identity: StoredIdentity) -> String {
    identity.name.fingerprint.prefix(8).map { byte in
      let digits = String(byte, radix: 16)
      return digits.utf8.count < 2 ? "0\(digits)" : digits
    }.joined()
  }
}
