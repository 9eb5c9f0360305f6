/// Finds the packets in a circuit's bytes, which TCP splits and joins anywhere (thesis section 7.1.2).
///
/// A packet that came whole is handed out where it lies; only one that was cut is copied together. The buffer for that
/// grows with what has really come, by doubling, whatever a header announces: to 128 KiB at most for 65,575 bytes. It is
/// given back by `releaseIfEmpty`.
struct Defragmenter: ~Copyable {
  private var partial = ByteBuffer()
  // Where a packet that was copied together lies once it is handed out, so that the next one can begin meanwhile.
  private var whole = ByteBuffer()
  private var filled = 0
  private var isAtStart = true

  /// How much memory it holds, in bytes.
  var memory: Int { partial.capacity + whole.capacity }

  /// Whether a packet has begun and not ended.
  var isWithinPacket: Bool { filled > 0 }

  /// Takes the next packet off the front of `input`; `nil` if the rest does not complete one, which is then kept. All
  /// packets out of one input are valid, and may be changed, as long as the input is.
  mutating func next(_ input: inout UnsafeMutableRawBufferPointer) throws(StreamError) -> UnsafeMutableRawBufferPointer?
  {
    if filled == 0, let length = try length(of: UnsafeRawBufferPointer(input)), length <= input.count {
      return take(length, from: &input)
    }
    while !input.isEmpty {
      let known = try length(of: partial.prefix(filled))
      let wanted = (known ?? PacketLength.bytesNeeded) - filled
      let taken = take(min(wanted, input.count), from: &input)
      partial.grow(to: filled + taken.count)
      partial.copy(UnsafeRawBufferPointer(taken), at: filled)
      filled += taken.count
      if let length = try length(of: partial.prefix(filled)), length == filled {
        // Only the first packet out of an input can have begun before it: the one handed out last is not needed any more.
        swap(&partial, &whole)
        filled = 0
        return whole.mutablePrefix(length)
      }
    }
    return nil
  }

  /// Gives the buffer back if no packet is under way.
  mutating func releaseIfEmpty() {
    whole = ByteBuffer()
    if !isWithinPacket { partial = ByteBuffer() }
  }

  private mutating func length(of bytes: UnsafeRawBufferPointer) throws(StreamError) -> Int? {
    guard let length = try PacketLength.read(bytes) else { return nil }
    // "GET " would pass for the beginning of an IPv4 header.
    if isAtStart, bytes.starts(with: "GET ".utf8) { throw .webRequest }
    isAtStart = false
    return length
  }

  private func take(_ count: Int, from input: inout UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer {
    let taken = UnsafeMutableRawBufferPointer(rebasing: input.prefix(count))
    input = UnsafeMutableRawBufferPointer(rebasing: input.dropFirst(count))
    return taken
  }
}
