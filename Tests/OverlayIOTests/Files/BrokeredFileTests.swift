import Glibc
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("A kept file of a process that may not write it itself")
struct BrokeredFileTests {
  /// A broker whose drafts are this file.
  private final class FakeBroker: PathBroker, @unchecked Sendable {
    private let file: String
    var acts: [String] = []

    init(_ file: String) { self.file = file }

    func draft(of path: String) throws(SystemError) -> FileDescriptor {
      acts.append("draft \(path)")
      return try SystemCall.open(file, O_WRONLY | O_CREAT, mode: 0o600)
    }

    func finish(_ path: String) throws(SystemError) { acts.append("finish \(path)") }
    func discard(_ path: String) throws(SystemError) { acts.append("discard \(path)") }
    func endFileEvents(_ number: Int32) {}
    func open(_ path: String, _ flags: Int32) throws(SystemError) -> FileDescriptor { throw refusal }
    func fileEvents() throws(SystemError) -> FileEventQueue { throw refusal }
    func watch(_ path: String, _ mask: UInt32, in queue: Int32) throws(SystemError) -> Int32 { throw refusal }
    func connect(toPath path: String) throws(SystemError) -> FileDescriptor { throw refusal }
    func remove(_ path: String) throws(SystemError) { throw refusal }

    private var refusal: SystemError { SystemError(call: "ask", number: EACCES) }
  }

  private let kept = KeptFile("names", in: "/var/lib/o")

  @Test("is on the disk before the broker, for whom others wait, puts it in its place")
  func order() throws {
    let directory = try TemporaryDirectory()
    let broker = FakeBroker(directory.file("draft"))
    let calls = FaultInjection.run(failing: 0, with: 0) { _ = try? kept.replace(with: [1, 2], by: broker) }
    #expect(calls.last == "fsync /var/lib/o/names")
    #expect(broker.acts == ["draft /var/lib/o/names", "finish /var/lib/o/names"])
  }

  @Test("leaves no draft where the disk is full, or does not take it")
  func failures() throws {
    let full = FakeBroker("/dev/full")
    #expect(throws: SystemError(call: "write /var/lib/o/names", number: ENOSPC)) {
      try kept.replace(with: [1, 2], by: full)
    }
    #expect(full.acts == ["draft /var/lib/o/names", "discard /var/lib/o/names"])
    let directory = try TemporaryDirectory()
    let broken = FakeBroker(directory.file("draft"))
    // After open and write.
    _ = FaultInjection.run(failing: 3, with: EIO) { _ = try? kept.replace(with: [1, 2], by: broken) }
    #expect(broken.acts == full.acts)
  }
}
