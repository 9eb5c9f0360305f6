/// What a node does about habits of kernels, if its policy says so (`Scrubber`).
extension Node {
  /// Returns whether a packet of this host, or of one behind it, may leave for a peer, and takes the habits out of it.
  /// The packet's flow, of which a flow label can be a part, has to be looked at before. DSCP chooses nothing.
  mutating func mayLeave(_ packet: PacketView, _ offload: OffloadHeader) -> Bool {
    guard settings.policy.scrubs, !scrubber.scrub(packet, offload) else { return true }
    out.counters[.unscrubbed] += 1
    return false
  }

  /// Returns whether a packet of a peer may reach the device, and takes out of it what would lead this host's kernel
  /// into a habit.
  mutating func mayArrive(_ packet: PacketView, on circuit: CircuitIdentifier) -> Bool {
    guard settings.policy.scrubs, !Scrubber.scrubHandshake(packet) else { return true }
    drop(.unscrubbed, on: circuit)
    return false
  }
}
