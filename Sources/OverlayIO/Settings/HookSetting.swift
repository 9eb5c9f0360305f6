/// The value of `hook`: `EVENT=PATH`.
enum HookSetting {
  /// The hook that `text` describes, unless it is one of `earlier`.
  static func read(_ text: String, after earlier: [Hook]) throws(SettingValue.Refusal) -> Hook {
    let events = HookEvent.allCases.map(\.rawValue).listed(with: "or")
    guard let sign = text.firstIndex(of: "="), let event = HookEvent(rawValue: String(text[..<sign])) else {
      throw SettingValue.Refusal("EVENT=PATH is accepted, where EVENT is \(events)")
    }
    let path = String(text[text.index(after: sign)...])
    guard path.hasPrefix("/"), !path.hasSuffix("/"), !path.utf8.contains(0) else {
      throw SettingValue.Refusal("after \(event.rawValue)= the whole path of a program is accepted, beginning with '/'")
    }
    let hook = Hook(event, path)
    guard !earlier.contains(hook) else { throw SettingValue.Refusal("this hook is already given") }
    guard earlier.count < DaemonSettings.mostHooks else {
      throw SettingValue.Refusal("at most \(DaemonSettings.mostHooks) hooks are accepted")
    }
    return hook
  }
}
