/// A reading takes the packets out of the bytes that one read of a circuit brought. It holds the circuit's defragmenter
/// meanwhile, because a packet may close its own circuit, and the memory of a cut packet must still be given back then.
struct StreamReading: ~Copyable {
  /// The circuit that was read.
  let circuit: CircuitIdentifier
  /// The bytes that are left.
  var input: UnsafeMutableRawBufferPointer
  /// The circuit's defragmenter.
  var defragmenter = Defragmenter()
  /// The number of bytes that came.
  let byteCount: Int
  /// Whether ceilings do not count it (`Circuit.greetingRoom`).
  let isGreeting: Bool
  /// The number of whole packets that came.
  private(set) var packetCount = 0
  /// Whether a whole packet came.
  var hasBroughtPacket: Bool { packetCount > 0 }
  /// A summary of the delivered packets, for read coalescing.
  var sample = ReadCoalescing.Sample()
  /// The reason why the bytes are no packets; `nil` if they are.
  var failure: StreamError?

  /// Makes a reading of `input`, in which packets may be changed.
  init(_ input: UnsafeMutableRawBufferPointer, on circuit: CircuitIdentifier, isGreeting: Bool) {
    self.circuit = circuit
    self.isGreeting = isGreeting
    byteCount = input.count
    self.input = input
  }

  /// Returns the next packet; `nil` if none is left.
  mutating func next(store: inout PacketStore) -> UnsafeMutableRawBufferPointer? {
    do throws(StreamError) {
      guard let packet = try defragmenter.next(&input, store: &store) else { return nil }
      packetCount += 1
      return packet
    } catch {
      failure = error
      return nil
    }
  }
}
