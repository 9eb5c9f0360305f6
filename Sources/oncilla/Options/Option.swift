import OverlayIO

/// One option of a command, which is read into a `Draft`. The parser, `--help` and the test of the manual page read the
/// same table of them. Those of `oncilla run` are made from the table of settings.
struct Option<Draft> {
  /// What takes a value into the draft.
  typealias Reader = (inout Draft, GivenValue) throws(SettingError) -> Void

  /// With its two hyphens: `--mtu`.
  let name: String
  /// What stands for the value in texts: `HOST:PORT`; `nil` if the option takes none.
  let placeholder: String?
  /// The value where the option is not given; `nil` if there is none.
  let defaultValue: String?
  /// Whether it may be given more than once.
  let isRepeatable: Bool
  /// What it does, in a sentence or two for `--help`.
  let summary: String
  /// Reads the value into the draft; an empty one for an option that takes none.
  let read: Reader

  /// An option of one command alone that takes a value.
  init(
    _ name: String, _ placeholder: String, isRepeatable: Bool = false, default defaultValue: String? = nil,
    _ summary: String,
    read: @escaping (inout Draft, String) throws(SettingValue.Refusal) -> Void
  ) {
    self.name = name
    self.placeholder = placeholder
    self.defaultValue = defaultValue
    self.isRepeatable = isRepeatable
    self.summary = summary
    self.read = { draft, given throws(SettingError) in
      try given.reading { () throws(SettingValue.Refusal) in try read(&draft, given.text) }
    }
  }

  /// An option of one command alone that takes no value.
  init(flag name: String, _ summary: String, switchOn: @escaping (inout Draft) -> Void) {
    self.name = name
    placeholder = nil
    defaultValue = nil
    isRepeatable = false
    self.summary = summary
    read = { draft, _ throws(SettingError) in switchOn(&draft) }
  }

  /// The option as texts name it: `--mtu N`.
  var synopsis: String { placeholder.map { "\(name) \($0)" } ?? name }
}

extension Option<RunDraft> {
  /// The option that gives a setting.
  init(_ setting: Setting) {
    name = "--" + setting.name
    placeholder = setting.placeholder
    defaultValue = setting.defaultText
    isRepeatable = setting.isRepeatable
    summary = setting.text
    read = { draft, given throws(SettingError) in
      let isFlag = if case .flag = setting.kind { true } else { false }
      try draft.given.add(setting, isFlag ? GivenValue("yes", from: given.origin) : given)
    }
  }
}
