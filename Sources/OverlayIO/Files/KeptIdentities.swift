import Glibc
import OverlayCore

/// All identities that are kept in a state directory. Beside them `identity.backup` tells when they were last backed
/// up, and which: their fingerprints, which tell no names.
public struct KeptIdentities {
  private static let backupFile = "identity.backup"
  /// How many files of the directory are looked at.
  private static let mostFiles = 4_096

  private let directory: String

  /// Those in this state directory, which need not exist.
  public init(in directory: String) { self.directory = directory }

  /// All of them, the host itself first, and then by what they are called; `nil` if its own is not there.
  public func read() throws(IdentityFiles.Failure) -> IdentityBackup? {
    guard let first = try IdentityStore(in: directory).read() else { return nil }
    var entries = [IdentityBackup.Entry(first)]
    for label in try labels() {
      guard let identity = try IdentityStore(in: directory, label).read() else { continue }
      entries.append(IdentityBackup.Entry(identity, label: label))
    }
    guard let all = IdentityBackup(entries) else {
      throw .system(SystemError(call: "read \(directory)", number: E2BIG))
    }
    return all
  }

  private func labels() throws(IdentityFiles.Failure) -> [Petname] {
    do throws(SystemError) {
      return try SystemCall.names(in: directory, limit: KeptIdentities.mostFiles).sorted()
        .compactMap { IdentityStore.label(inName: $0) }
    } catch {
      throw .system(error)
    }
  }

  /// Notes that these were backed up now.
  public func noteBackup(of backup: IdentityBackup) throws(IdentityFiles.Failure) {
    do throws(SystemError) {
      let words = ["\(Timestamp.now)"] + backup.entries.map { KeptIdentities.mark(of: $0.identity) }
      try OpenDirectory(directory).replace(
        KeptIdentities.backupFile, with: Array((words.joined(separator: " ") + "\n").utf8))
    } catch {
      throw .system(error)
    }
  }

  /// When all that are kept were last backed up, as RFC 3339 writes it; `nil` if one of them never was.
  public func lastBackup() -> String? {
    guard let kept = try? read(),
      let bytes = try? OpenDirectory(directory).read(KeptIdentities.backupFile, limit: 16 << 10)
    else { return nil }
    let words = String(decoding: bytes, as: UTF8.self).split { $0 == " " || $0 == "\n" }.map(String.init)
    guard let time = words.first else { return nil }
    let marks = Set(words.dropFirst())
    return kept.entries.allSatisfy { marks.contains(KeptIdentities.mark(of: $0.identity)) } ? time : nil
  }

  /// A mark of a few characters that tells one identity from the next.
  private static func mark(of identity: StoredIdentity) -> String {
    identity.name.fingerprint.prefix(8).map { byte in
      let digits = String(byte, radix: 16)
      return digits.utf8.count < 2 ? "0\(digits)" : digits
    }.joined()
  }
}
