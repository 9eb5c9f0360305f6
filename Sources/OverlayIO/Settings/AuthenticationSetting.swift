import OverlayCore

/// The value of `peer-authenticate`: `PETNAME=strict|legacy|off|full`.
enum AuthenticationSetting {
  /// Reads one value.
  static func read(
    _ text: String
  ) throws(SettingValue.Refusal) -> (petname: Petname, authentication: Authentication) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let petname = Petname(PastedName.trimmed(parts[0])) else {
      throw SettingValue.Refusal("PETNAME=\(words("|")) is accepted")
    }
    guard let authentication = Authentication(rawValue: "\(PastedName.trimmed(parts[1]))") else {
      throw SettingValue.Refusal("\(words(", ")) are accepted after '\(petname)='")
    }
    return (petname, authentication)
  }

  private static func words(_ separator: String) -> String {
    Authentication.allCases.map(\.rawValue).joined(separator: separator)
  }
}
