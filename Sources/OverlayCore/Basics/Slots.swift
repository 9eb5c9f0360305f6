/// Slots are memory for values that stay where they are: each has a small number as long as it is there, which another
/// gets after it.
struct Slots<Element: ~Copyable>: ~Copyable {
  private var memory = UnsafeMutableBufferPointer<Element>(start: nil, count: 0)
  // Whether a slot holds a value; otherwise its memory is not initialised.
  private var isTaken: [Bool] = []
  private var free: [Int] = []

  /// The number of values.
  var count: Int { isTaken.count - free.count }

  /// The numbers of all values, in order.
  var indices: [Int] { isTaken.indices.filter { isTaken[$0] } }

  /// Whether a slot holds a value.
  func contains(_ number: Int) -> Bool { isTaken.indices.contains(number) && isTaken[number] }

  /// Takes in a value, and returns its number.
  mutating func insert(_ element: consuming Element) -> Int {
    if free.isEmpty { grow() }
    let number = free.removeLast()
    isTaken[number] = true
    memory.initializeElement(at: number, to: element)
    return number
  }

  /// Takes out the value of a slot, which must hold one.
  mutating func remove(_ number: Int) -> Element {
    precondition(contains(number), "a value that is gone was taken out")
    isTaken[number] = false
    free.append(number)
    return memory.moveElement(from: number)
  }

  /// The value of a slot, in place. The slot must hold one.
  subscript(number: Int) -> Element {
    // Addresses, not coroutines: those keep their frame on the heap, for every packet.
    unsafeAddress { address(of: number) }
    unsafeMutableAddress { UnsafeMutablePointer(mutating: address(of: number)) }
  }

  /// Where the value of a slot lies until another is taken in. The slot must hold one.
  func address(of number: Int) -> UnsafePointer<Element> {
    precondition(contains(number), "a value that is gone was used")
    return UnsafePointer(memory.baseAddress.unsafelyUnwrapped + number)
  }

  private mutating func grow() {
    let old = memory
    memory = .allocate(capacity: max(8, old.count * 2))
    // Only where every slot is taken memory grows: all of the old one is initialised.
    _ = memory.moveInitialize(fromContentsOf: old)
    old.deallocate()
    free = Array((old.count..<memory.count).reversed())
    isTaken += repeatElement(false, count: free.count)
  }

  deinit {
    for number in isTaken.indices where isTaken[number] { memory.deinitializeElement(at: number) }
    memory.deallocate()
  }
}
