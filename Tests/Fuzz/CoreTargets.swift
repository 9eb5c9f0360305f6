/// What of the core is attacked.
extension Fuzz {
  nonisolated(unsafe) static let targets: [String: (consuming FuzzInput) -> Void] = [
    "decoders": DecoderTarget.run, "segments": SegmentTarget.run, "link": LinkTarget.run, "host": HostTarget.run,
    "order": OrderTarget.run, "torcontrol": TorControlTarget.run,
  ]
}
