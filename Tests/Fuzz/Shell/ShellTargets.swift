/// What of the shell is attacked.
extension Fuzz {
  nonisolated(unsafe) static let targets: [String: (consuming FuzzInput) -> Void] = [
    "files": FilesTarget.run, "clients": ClientsTarget.run,
  ]
}
