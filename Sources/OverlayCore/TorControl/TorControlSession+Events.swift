/// What Tor tells unasked.
extension TorControlSession {
  mutating func publish(_ name: OnionName, _ publication: TorPublication) {
    guard publications[name] != publication else { return }
    publications[name] = publication
    tell(.publication(name, publication))
  }

  /// Takes an event; what it is not known for is left out, and so are all before Tor has admitted us.
  mutating func note(_ event: TorControlReply) {
    guard isAdmitted else { return }
    let words = event.lines[0].words
    switch words.plain(0) {
    case "STATUS_CLIENT", "STATUS_GENERAL": noteStatus(words)
    case "HS_DESC": noteDescriptor(words)
    default: break
    }
  }

  private mutating func noteStatus(_ words: ControlWords) {
    switch words.plain(2) {
    case "BOOTSTRAP":
      noteBootstrap(words)
      guard words.plain(1) == "WARN", let warning = words["WARNING"] else { return }
      tell(.problem(ControlText.told(warning)))
    case "CLOCK_SKEW":
      let skew = words["SKEW"].flatMap { Int(ControlText.string($0)) }.map { " by \($0.magnitude) s" } ?? ""
      tell(.problem("this host's clock is wrong\(skew)"))
    default: break
    }
  }

  mutating func noteBootstrap(_ words: ControlWords) {
    guard let percent = words["PROGRESS"].flatMap({ Int(decimal: ControlText.string($0)) }), percent <= 100 else {
      return
    }
    let summary = ControlText.told(words["SUMMARY"] ?? [])
    tell(.bootstrap(percent == 100 ? .up : .starting(percent: percent, summary: summary)))
  }

  private mutating func noteDescriptor(_ words: ControlWords) {
    guard let action = words.plain(1), let label = words.plain(2), let name = watched[label] else { return }
    switch action {
    case "UPLOADED": publish(name, .published)
    case "UPLOAD", "CREATED":
      if publications[name] == nil { publish(name, .publishing(failure: nil)) }
    case "FAILED":
      // A descriptor that one directory refuses may stand at the others.
      guard publications[name] != .published else { return }
      publish(name, .publishing(failure: words["REASON"].map { ControlText.told($0) }))
    default: break
    }
  }
}
