/// Memory in which what one write takes is listed, so that none is taken for each.
public struct WriteRuns: ~Copyable {
  /// How many runs of bytes one write takes at most.
  public static let limit = 192
  /// How many packets one write takes at most: before them may stand what is sent first, and the rest of one that was sent
  /// in part.
  public static let batchPackets = limit - 2

  /// Room for as many runs as one write takes.
  let memory = UnsafeMutableBufferPointer<UnsafeRawBufferPointer>.allocate(capacity: WriteRuns.limit)

  deinit {
    memory.deallocate()
  }
}
