import OverlayCore

/// A file of `conf.d` with the public key of somebody who may find a private onion service: one for each, so that it
/// can be revoked.
public struct InvitedFile: Equatable, Sendable {
  /// What the friend is called.
  public let petname: Petname

  /// The file of the friend of this petname.
  public init(_ petname: Petname) { self.petname = petname }

  private var file: WrittenFile {
    WrittenFile(
      "50-invited-\(petname).conf", mark: "# Written by 'oncilla invite', and removed by 'oncilla revoke'.")
  }

  /// Returns its path, in the configuration in this directory.
  public func path(in directory: String) -> String { file.path(in: directory) }

  /// Returns whether there is one, in the configuration in this directory.
  public func exists(in directory: String) -> Bool { file.exists(in: directory) }

  /// Writes the file with a public key of 32 bytes. Throws EEXIST if there is one already.
  public func write(_ publicKey: [UInt8], to directory: String) throws(SystemError) {
    try file.write("invited = \(petname)=\(Invitation.text(ofKey: publicKey))", to: directory)
  }

  /// Removes the file; whether there was one that is ours.
  public func remove(from directory: String) throws(SystemError) -> Bool { try file.remove(from: directory) }
}
