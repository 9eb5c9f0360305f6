import OverlayCore

extension Examination {
  /// Whether the daemon has given up its rights.
  func room() -> Check.Finding {
    guard case .runs(_, _, let process?) = running, let status = paths.read("/proc/\(process)/status") else {
      return .skipped("the daemon is not looked at")
    }
    let fields = Dictionary(
      status.split(whereSeparator: \.isNewline).compactMap { line -> (Substring, Substring)? in
        guard let colon = line.firstIndex(of: ":") else { return nil }
        return (line[..<colon], line[line.index(after: colon)...].drop { $0 == "\t" })
      }, uniquingKeysWith: { first, _ in first })
    let start = unit.isInstalled ? "'systemctl restart \(unit.name)'" : "end it, and '\(instance.program) run'"
    guard let rights = fields["CapPrm"], rights.allSatisfy({ $0 == "0" }), fields["NoNewPrivs"] == "1" else {
      return .wrong(
        "the daemon has rights, and who takes it over has them, too", remedy: "\(start) starts one that gives them up")
    }
    guard fields["Uid"]?.hasPrefix("0\t") == false else {
      return .note(
        "the daemon is root, though without capabilities", remedy: "without --user root it becomes a user without files"
      )
    }
    return .ok("the daemon has no capabilities, and gains none")
  }
}
