/// One option of a command, which is read into a `Draft`. Everything that is to be known of it stands here: the
/// parser, `--help` and the test of the manual page read the same table.
struct Option<Draft> {
  /// Why a value is refused: what was wrong with it, or what is accepted.
  struct Refusal: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
  }

  /// What takes a value into the draft.
  typealias Reader = (inout Draft, String) throws(Refusal) -> Void

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
  /// Reads the value into the draft.
  let read: Reader

  init(
    _ name: String, _ placeholder: String, default defaultValue: String? = nil, isRepeatable: Bool = false,
    _ summary: String, read: @escaping Reader
  ) {
    self.name = name
    self.placeholder = placeholder
    self.defaultValue = defaultValue
    self.isRepeatable = isRepeatable
    self.summary = summary
    self.read = read
  }

  /// An option that takes no value.
  init(_ name: String, _ summary: String, read: @escaping (inout Draft) -> Void) {
    self.name = name
    placeholder = nil
    defaultValue = nil
    isRepeatable = false
    self.summary = summary
    self.read = { draft, _ in read(&draft) }
  }

  /// The option as texts name it: `--mtu N`.
  var synopsis: String { placeholder.map { "\(name) \($0)" } ?? name }
}
