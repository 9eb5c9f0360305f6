/// Finds the packets in a circuit's bytes, which TCP splits and joins anywhere (B. Fischer, "Building an Anonymous VPN",
/// 2009, section 7.1.2).
///
/// A packet that came whole is handed out where it lies; only one that was cut is copied together. The buffer for that
/// grows with what has really come, by doubling, whatever a header announces: to 128 KiB at most for 65,575 bytes. It is
/// given back by `releaseIfEmpty`.
struct Defragmenter: ~Copyable {
  private var partial = ByteBuffer()
  private var filled = 0
  private var isHandedOut = false
  private var isAtStart = true

  /// How much memory it holds, in bytes.
  var memory: Int { partial.capacity }

  /// Whether a packet has begun and not ended.
  var isWithinPacket: Bool { filled > 0 && !isHandedOut }

  /// Takes the next packet off the front of `input`; `nil` if the rest does not complete one, which is then kept. The
  /// packet is valid until the next call.
  mutating func next(_ input: inout UnsafeRawBufferPointer) throws(StreamError) -> UnsafeRawBufferPointer? {
    if isHandedOut {
      isHandedOut = false
      filled = 0
    }
    if filled == 0, let length = try length(of: input), length <= input.count {
      return take(length, from: &input)
    }
    while !input.isEmpty {
      let known = try length(of: partial.prefix(filled))
      let wanted = (known ?? PacketLength.bytesNeeded) - filled
      let taken = take(min(wanted, input.count), from: &input)
      partial.grow(to: filled + taken.count)
      partial.copy(taken, at: filled)
      filled += taken.count
      if let length = try length(of: partial.prefix(filled)), length == filled {
        isHandedOut = true
        return partial.prefix(filled)
      }
    }
    return nil
  }

  /// Gives the buffer back if no packet is under way.
  mutating func releaseIfEmpty() {
    guard !isWithinPacket else { return }
    filled = 0
    isHandedOut = false
    partial = ByteBuffer()
  }

  private mutating func length(of bytes: UnsafeRawBufferPointer) throws(StreamError) -> Int? {
    guard let length = try PacketLength.read(bytes) else { return nil }
    // "GET " would pass for the beginning of an IPv4 header.
    if isAtStart, bytes.starts(with: "GET ".utf8) { throw .webRequest }
    isAtStart = false
    return length
  }

  private func take(_ count: Int, from input: inout UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let taken = UnsafeRawBufferPointer(rebasing: input.prefix(count))
    input = UnsafeRawBufferPointer(rebasing: input.dropFirst(count))
    return taken
  }
}
