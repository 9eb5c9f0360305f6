/// A reading takes the packets out of what one read of a circuit brought. It holds the circuit's defragmenter meanwhile:
/// a packet may close its own circuit, and then what is held of a cut packet is still ours to give back.
struct StreamReading: ~Copyable {
  /// The circuit that was read.
  let circuit: CircuitIdentifier
  /// The bytes that are left.
  var input: UnsafeMutableRawBufferPointer
  /// The circuit's defragmenter.
  var defragmenter = Defragmenter()
  /// Whether a packet came whole.
  var hasBroughtPacket = false
  /// What the delivered packets say of how to read on.
  var sample = ReadCoalescing.Sample()
  /// Why the bytes are no packets; `nil` if they are.
  var failure: StreamError?

  /// A reading of these bytes, in which packets may be changed.
  init(_ input: UnsafeMutableRawBufferPointer, on circuit: CircuitIdentifier) {
    self.circuit = circuit
    self.input = input
  }

  /// Takes the next packet out; `nil` if none is left.
  mutating func next(store: inout PacketStore) -> UnsafeMutableRawBufferPointer? {
    do throws(StreamError) {
      guard let packet = try defragmenter.next(&input, store: &store) else { return nil }
      hasBroughtPacket = true
      return packet
    } catch {
      failure = error
      return nil
    }
  }
}
