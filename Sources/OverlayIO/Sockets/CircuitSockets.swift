import OverlayCore

/// The sockets of all circuits. Each is found without a search, by its circuit's slot.
struct CircuitSockets {
  private var entries: [(circuit: CircuitIdentifier, socket: CircuitSocket)?] = []

  /// The circuit's socket; `nil` if the circuit is gone. Setting `nil` closes the socket.
  subscript(circuit: CircuitIdentifier) -> CircuitSocket? {
    get {
      guard circuit.slot < entries.count, let entry = entries[circuit.slot], entry.circuit == circuit else {
        return nil
      }
      return entry.socket
    }
    set {
      guard let newValue else {
        if self[circuit] != nil { entries[circuit.slot] = nil }
        return
      }
      while entries.count <= circuit.slot { entries.append(nil) }
      entries[circuit.slot] = (circuit, newValue)
    }
  }
}
