/// The bytes that the fuzzer made, read from the front; behind their end all numbers are 0, so that every input means
/// something.
struct FuzzInput {
  /// How many events an input tells of at the most.
  private static let mostEvents = 400

  private var rest: UnsafeRawBufferPointer

  private static let edges = [
    0, 1, 7, 8, 9, 39, 40, 59, 60, 100, 536, 999, 1_000, 1_220, 1_280, 1_440, 1_460, 1_500, 1_514, 2_000, 2_047,
    2_048, 2_049, 4_096, 9_000, 16_384, 32_000, 40_000, 60_000, 65_455, 65_515,
  ]

  init(_ bytes: UnsafeRawBufferPointer) {
    rest = bytes
  }

  var isEmpty: Bool { rest.isEmpty }

  /// Reads the input as a script: calls `step`, which reads an event, until there is none.
  mutating func eachEvent(_ step: (inout FuzzInput) -> Void) {
    var count = 0
    while !isEmpty, count < FuzzInput.mostEvents {
      count += 1
      Fuzz.events += 1
      step(&self)
    }
  }

  mutating func byte() -> UInt8 {
    guard let first = rest.first else { return 0 }
    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst())
    return first
  }

  mutating func number() -> UInt16 { UInt16(byte()) << 8 | UInt16(byte()) }

  mutating func flag() -> Bool { byte() & 1 != 0 }

  /// One of the first `count` numbers.
  mutating func choice(_ count: Int) -> Int { count > 0 ? Int(byte()) % count : 0 }

  /// A number of bytes: mostly one that is the edge of something.
  mutating func length(atMost most: Int) -> Int {
    let first = Int(byte())
    return min(most, first < 0xc0 ? FuzzInput.edges[first % FuzzInput.edges.count] : Int(number()))
  }

  /// The next bytes, at most so many.
  mutating func bytes(atMost count: Int) -> [UInt8] {
    let taken = Array(rest.prefix(count))
    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(taken.count))
    return taken
  }

  /// All that is left.
  mutating func all() -> [UInt8] { bytes(atMost: .max) }
}

/// Ends the run with a message: what should hold does not.
func check(_ condition: Bool, _ message: @autoclosure () -> String) {
  if !condition { fatalError(message()) }
}

/// Hands `body` a copy of `bytes` that nothing stands beside, so that each read or write past it is found.
func withCopy<Result>(of bytes: [UInt8], _ body: (UnsafeMutableRawBufferPointer) -> Result) -> Result {
  let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
  defer { memory.deallocate() }
  memory.copyBytes(from: bytes)
  return body(memory)
}

/// SplitMix64 (Steele, Lea, Flood 2014): an input does the same at every run.
struct FuzzGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
