import OverlayCore

/// The value of `invited` and `peer-key`: `PETNAME=KEY`, the key in base32 as it stands in invitations.
enum KeySetting {
  /// Reads one value.
  static func read(_ text: String) throws(SettingValue.Refusal) -> (petname: Petname, key: [UInt8]) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let petname = Petname(PastedName.trimmed(parts[0])) else {
      throw SettingValue.Refusal("PETNAME=KEY is accepted")
    }
    guard let key = Invitation.key(PastedName.trimmed(parts[1])) else {
      throw SettingValue.Refusal("a key of 52 letters and digits of base32 is accepted after '\(petname)='")
    }
    return (petname, key)
  }
}
