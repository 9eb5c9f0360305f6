extension UnsafeRawBufferPointer {
  /// Returns the 16 bits at `offset` as a number in network byte order. The buffer must hold them.
  func number(at offset: Int) -> UInt16 {
    UInt16(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }
}

extension UnsafeMutableRawBufferPointer {
  /// Writes a number of 16 bits at `offset` in network byte order. The buffer must have room for it.
  func store(_ number: UInt16, at offset: Int) {
    storeBytes(of: number.bigEndian, toByteOffset: offset, as: UInt16.self)
  }
}

extension [UInt8] {
  /// Appends a number in network byte order.
  mutating func append(bigEndian number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
  }
}
