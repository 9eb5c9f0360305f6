import OverlayCore

extension LookupFinding {
  /// Whether strangers do not find the host.
  var isTrouble: Bool {
    switch self {
    case .unknown, .found: false
    case .missing, .hidden: true
    }
  }

  /// The finding as replies and events name it.
  var name: String {
    switch self {
    case .unknown: "unknown"
    case .found: "found"
    case .missing: "missing"
    case .hidden: "hidden"
    }
  }

  /// The index of the lookup name that it is about; `nil` if there is none.
  var index: UInt8? {
    switch self {
    case .found(let index), .missing(let index): index
    case .unknown, .hidden: nil
    }
  }

  /// What strangers find of an identity, and what helps, in words.
  func text(at place: ServicePlace) -> String {
    switch self {
    case .unknown: "whether it is found by its address is not known yet"
    case .found(let index): "found by its address, at its lookup name \(index)"
    case .missing(let index):
      "not found by its address: \(LookupFinding.others(before: index))"
        + (place.asksTor
          ? "Tor knows nobody at its lookup name \(index), which the daemon has it serve"
          : "nobody serves its lookup name \(index): 'oncilla lookup-key \(place.address) --index \(index) --write "
            + "\(LookupFinding.directory(of: index))' makes its key and tells the lines of torrc")
    case .hidden:
      "not found by its address: others serve all of its lookup names, and only who knows its name reaches it"
    }
  }

  private static func others(before index: UInt8) -> String {
    switch index {
    case 0: ""
    case 1: "somebody else serves its lookup name 0, and "
    default: "others serve its lookup names before \(index), and "
    }
  }

  /// The directory of Tor's for the lookup name with this index, where nothing tells another.
  public static func directory(of index: UInt8) -> String {
    "/var/lib/tor/oncilla-lookup" + (index == 0 ? "" : "-\(index)")
  }
}
