import Glibc

/// What libFuzzer calls, in this process, for one target: that of the environment's `FUZZ_TARGET`.
enum Fuzz {
  /// How many inputs there were, and how many events they told of.
  nonisolated(unsafe) static var inputs: UInt64 = 0
  nonisolated(unsafe) static var events: UInt64 = 0

  nonisolated(unsafe) static let target: (consuming FuzzInput) -> Void = {
    atexit { print("\(Fuzz.inputs) inputs, \(Fuzz.events) events") }
    let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = targets[name] else {
      print("FUZZ_TARGET is one of \(targets.keys.sorted().joined(separator: ", "))")
      exit(2)
    }
    return target
  }()
}

/// The function that libFuzzer gives its inputs to.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafeRawPointer?, _ count: Int) -> CInt {
  Fuzz.inputs += 1
  Fuzz.target(FuzzInput(UnsafeRawBufferPointer(start: bytes, count: count)))
  return 0
}
