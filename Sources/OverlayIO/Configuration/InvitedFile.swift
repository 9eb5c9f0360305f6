import Glibc
import OverlayCore

/// A file of `conf.d` with the public key of somebody who may find a private onion service: one for each, so that it can
/// be revoked.
public struct InvitedFile: Equatable, Sendable {
  /// What the friend is called.
  public let petname: Petname

  private static let mostBytes = 4_096
  private static let mark = "# Written by 'oncilla invite', and removed by 'oncilla revoke'."

  /// The file of the friend of this petname.
  public init(_ petname: Petname) { self.petname = petname }

  private var name: String { "50-invited-\(petname).conf" }

  /// Returns its path, in the configuration in this directory.
  public func path(in directory: String) -> String { "\(directory)/conf.d/\(name)" }

  /// Returns whether there is one, in the configuration in this directory.
  public func exists(in directory: String) -> Bool { SystemCall.exists(path(in: directory)) }

  /// Writes the file with a public key of 32 bytes. Throws EEXIST if there is one already.
  public func write(_ publicKey: [UInt8], to directory: String) throws(SystemError) {
    try ConfigurationDirectory.make("\(directory)/conf.d")
    let folder = try OpenDirectory("\(directory)/conf.d")
    guard try folder.readIfThere(name, limit: InvitedFile.mostBytes) == nil else {
      throw SystemError(call: "write \(path(in: directory))", number: EEXIST)
    }
    let text = "\(InvitedFile.mark)\ninvited = \(petname)=\(Invitation.text(ofKey: publicKey))\n"
    try folder.replace(name, with: text, for: .everybody)
  }

  /// Removes the file; whether there was one that is ours.
  public func remove(from directory: String) throws(SystemError) -> Bool {
    do throws(SystemError) {
      let folder = try OpenDirectory("\(directory)/conf.d")
      guard let text = try folder.readIfThere(name, limit: InvitedFile.mostBytes),
        text.starts(with: Array(InvitedFile.mark.utf8))
      else { return false }
      try folder.remove(name)
      return true
    } catch {
      if error.number == ENOENT { return false }
      throw error
    }
  }
}
