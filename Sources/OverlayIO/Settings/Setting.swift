import OverlayCore

/// One setting of the daemon. Everything that is to be known of it stands here: the options of `oncilla run`, their
/// `--help` and the test of the manual page are made from the table `Setting.all`.
public struct Setting: Sendable {
  /// What the value of a setting can be.
  public enum Kind: Hashable, Sendable {
    /// There is no value: to give the setting is to switch it on.
    case flag
    /// One of these words.
    case word([String])
    /// A whole number of this range in decimal digits. The placeholder stands for it in texts: `SECONDS`.
    case number(ClosedRange<Int>, placeholder: String)
    /// A text that its reader understands. The placeholder shows its form: `HOST:PORT`; `bytes` is how long it can be,
    /// `nil` if that is not what bounds it.
    case form(String, bytes: ClosedRange<Int>?)
  }

  /// What takes a value into the draft.
  typealias Reader = @Sendable (inout SettingsDraft, GivenValue) throws(SettingValue.Refusal) -> Void

  /// The name that no other setting has, in lower-case letters, digits and hyphens: `mtu`, which is the option `--mtu`.
  public let name: String
  /// What the value can be.
  public let kind: Kind
  /// The value that counts where none is given, as it would be written; `nil` if there is none. `Instance` knows which
  /// it is on this host.
  public let defaultText: String?
  /// Whether it can be given more than once. Each value is added to those before it.
  public let isRepeatable: Bool
  /// Whether a changed value counts from the next start of the daemon on, and no sooner. What needs no restart decides
  /// what a running daemon does next; what needs one decides what it opens and makes at its start.
  public let needsRestart: Bool
  /// What it is for, in a line of one or two sentences.
  public let text: String

  /// Reads a value into the draft.
  let read: Reader

  /// Whether the value holds a secret, which is shown nowhere.
  public var isSecret: Bool { name == "peer-key" }

  /// What stands for the value in texts; `nil` if there is none.
  public var placeholder: String? {
    switch kind {
    case .flag: nil
    case .word(let words): words.joined(separator: "|")
    case .number(_, let placeholder), .form(let placeholder, _): placeholder
    }
  }
}

extension Setting {
  /// A setting that is off unless it is given. `switchOn` takes it into the draft.
  static func flag(
    _ name: String, needsRestart: Bool, _ text: String,
    switchOn: @escaping @Sendable (inout SettingsDraft) -> Void
  ) -> Setting {
    Setting(
      name: name, kind: .flag, defaultText: nil, isRepeatable: false, needsRestart: needsRestart, text: text,
      read: { draft, given throws(SettingValue.Refusal) in
        try SettingValue.none(given.text)
        switchOn(&draft)
      })
  }

  /// A setting that is one of `values`, each by the word that `word` gives. It is put at `place` in the draft.
  static func word<Value: Sendable>(
    _ name: String, _ values: [Value], as word: @escaping @Sendable (Value) -> String, default defaultValue: Value,
    needsRestart: Bool, _ text: String, at place: WritableKeyPath<SettingsDraft, Value> & Sendable
  ) -> Setting {
    Setting(
      name: name, kind: .word(values.map(word)), defaultText: word(defaultValue), isRepeatable: false,
      needsRestart: needsRestart, text: text,
      read: { draft, given throws(SettingValue.Refusal) in
        draft[keyPath: place] = try SettingValue.word(given.text, among: values, as: word)
      })
  }

  /// A setting that is a number of `range`. What `convert` makes of it is put at `place` in the draft.
  static func number<Value>(
    _ name: String, _ placeholder: String, _ range: ClosedRange<Int>, default defaultNumber: Int, needsRestart: Bool,
    _ text: String, at place: WritableKeyPath<SettingsDraft, Value> & Sendable,
    as convert: @escaping @Sendable (Int) -> Value?
  ) -> Setting {
    Setting(
      name: name, kind: .number(range, placeholder: placeholder), defaultText: "\(defaultNumber)",
      isRepeatable: false, needsRestart: needsRestart, text: text,
      read: { draft, given throws(SettingValue.Refusal) in
        draft[keyPath: place] = try SettingValue.number(given.text, in: range, as: convert)
      })
  }

  /// A setting whose text `read` understands and takes into the draft.
  static func form(
    _ name: String, _ placeholder: String, bytes: ClosedRange<Int>? = nil, default defaultText: String? = nil,
    isRepeatable: Bool = false, needsRestart: Bool, _ text: String, read: @escaping Reader
  ) -> Setting {
    Setting(
      name: name, kind: .form(placeholder, bytes: bytes), defaultText: defaultText, isRepeatable: isRepeatable,
      needsRestart: needsRestart, text: text, read: read)
  }
}
