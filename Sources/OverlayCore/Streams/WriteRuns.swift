/// Memory in which what one write takes is listed, so that none is taken for each.
struct WriteRuns: ~Copyable {
  /// Room for as many runs of bytes as one write takes at the most.
  let memory: UnsafeMutableBufferPointer<UnsafeRawBufferPointer>

  /// Room for `limit` runs.
  init(limit: Int) {
    memory = .allocate(capacity: limit)
  }

  deinit {
    memory.deallocate()
  }
}
