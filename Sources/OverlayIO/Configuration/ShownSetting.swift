/// An effective value of a setting, as `oncilla check-config --show` tells of it. A secret one is not told.
public struct ShownSetting: Sendable {
  private let name: String
  // `nil` where nothing is set, and nothing is so by itself.
  private let value: String?
  // `nil` where nobody gave it.
  private let place: String?
  private let isHidden: Bool

  /// A value that was given.
  init(_ setting: Setting, _ given: GivenValue) {
    name = setting.name
    isHidden = setting.isSecret
    value = isHidden ? given.text.prefix { $0 != "=" } + "=(hidden)" : given.text
    place = given.origin.place
  }

  /// What a daemon of an instance does where no value was given.
  init(_ setting: Setting, defaultOf instance: Instance) {
    name = setting.name
    isHidden = false
    place = nil
    if case .flag = setting.kind { value = "no" } else { value = instance.defaultText(of: setting) }
  }

  /// A line of a configuration, with where the value is from as a comment.
  var line: String {
    guard let value else { return "# \(name) is not set" }
    return "\(isHidden ? "# " : "")\(name) = \(value)  # \(place ?? "default")"
  }

  /// The same for programs.
  public var json: JSONValue {
    [
      "setting": .string(name), "value": .text(value), "is_default": .boolean(place == nil), "origin": .text(place),
      "is_hidden": .boolean(isHidden),
    ]
  }
}
