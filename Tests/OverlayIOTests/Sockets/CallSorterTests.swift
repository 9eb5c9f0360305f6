import Glibc
import OverlayCore
import PacketSamples
import SystemProbes
import Testing

@testable import OverlayIO

/// Calls at a listener that several identities share.
@Suite(.hangLimit)
struct CallSorterTests {
  /// Who calls.
  private final class Caller {
    private let file: FileDescriptor

    init(_ descriptor: Int32) { file = FileDescriptor(owning: descriptor) }

    var isClosed: Bool {
      var byte: UInt8 = 0
      let count = recv(file.number, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
      // What nobody has read resets a connection.
      return count == 0 || count < 0 && errno == ECONNRESET
    }

    func speak(to number: Int) {
      say(EchoPacket(.request, from: .overlay(1), to: destination(number), payload: []).bytes)
    }

    func say(_ bytes: [UInt8]) {
      #expect(send(file.number, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    }
  }

  /// A sequence that is the same in every run.
  private struct Sequence: RandomNumberGenerator {
    var state: UInt64 = 1

    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
      return mixed ^ mixed >> 31
    }
  }

  private let loop: EventLoop
  private let sorter: CallSorter
  private let sorted = Sorted()

  private final class Sorted {
    var destinations: [IPv6Address] = []
    var times: [Instant] = []
    var expected = 0
  }

  private static func destination(_ number: Int) -> IPv6Address { .overlay(UInt64(number)) }

  init() throws {
    _ = DescriptorLimit.raise()
    loop = try #require(EventLoop())
    let log = Log(level: .notice, sink: NoLines())
    var sequence = Sequence()
    let drawn: (Range<Int>) -> Int = { Int.random(in: $0, using: &sequence) }
    sorter = try CallSorter(limit: 256, on: loop, log: log, drawn: drawn) { [loop, sorted] stream, destination, time in
      var header = [UInt8](repeating: 0, count: 64)
      let read = header.withUnsafeMutableBytes { stream.file.read(into: $0) }
      #expect(read == .bytes(48), "what was looked at is still there")
      sorted.destinations.append(destination)
      sorted.times.append(time)
      if sorted.destinations.count == sorted.expected { loop.stop() }
    }
  }

  private func call() throws -> Caller {
    let ends = try socketPair(SOCK_STREAM)
    sorter.accept(EventSource(StreamSocket(owning: FileDescriptor(owning: ends[0])), on: loop))
    return Caller(ends[1])
  }

  /// Serves the loop until so many calls are sorted, five seconds at the most.
  private func sort(_ count: Int) throws {
    guard count > 0 else { return }
    sorted.expected = count
    let end = try TimerSource(on: loop) { [loop] in loop.stop() }
    end.start(after: .seconds(5))
    loop.run()
  }

  @Test("each is handed over with its first packet's destination, in whichever order they speak")
  func sorting() throws {
    let callers = [try call(), try call(), try call()]
    for number in [2, 0, 1] { callers[number].speak(to: number) }
    try sort(3)
    #expect(Set(sorted.destinations) == Set((0..<3).map(Self.destination)))
    #expect(sorter.report == "shared listeners: 0 calls wait for a packet, 0 closed without")
  }

  @Test("177 that say nothing, who come to a full house before those speak who do, leave many of them")
  func silentCrowd() throws {
    var silent: [Caller] = []
    for _ in 0..<256 { silent.append(try call()) }
    var callers: [Caller] = []
    for _ in 0..<60 { callers.append(try call()) }
    for _ in 0..<177 { silent.append(try call()) }
    let open = callers.indices.filter { !callers[$0].isClosed }
    #expect(open.count >= 18)
    for number in open { callers[number].speak(to: number) }
    try sort(open.count)
    #expect(Set(sorted.destinations) == Set(open.map(Self.destination)))
  }

  @Test("more of them than may wait in a second are turned away themselves")
  func flood() throws {
    var silent: [Caller] = []
    for _ in 0..<1_200 { silent.append(try call()) }
    #expect(sorter.report == "shared listeners: 256 calls wait for a packet, 944 closed without")
    // Those who waited when the turns were used up are not displaced by who comes then.
    let last = silent.indices.suffix(400).count { silent[$0].isClosed }
    #expect(last >= 200)
  }

  @Test("each is handed over with the time at which it came, so that waiting here gives it no more time")
  func time() throws {
    let caller = try call()
    let called = loop.now
    let speech = try TimerSource(on: loop) { caller.speak(to: 1) }
    speech.start(after: .milliseconds(300))
    try sort(1)
    let came = try #require(sorted.times.first)
    #expect(came <= called)
    #expect(loop.now - came >= .milliseconds(300))
  }

  @Test("where Tor tells its circuits, those who come through one and say no more take 16 places")
  func throughOneCircuit() throws {
    let told = try CallSorter(limit: 256, isAnnounced: true, on: loop, log: Log(level: .notice, sink: NoLines())) {
      [loop, sorted] _, destination, _ in
      sorted.destinations.append(destination)
      loop.stop()
    }
    func call(through circuit: Int) throws -> Caller {
      // The kernel lets nobody wait for so many bytes of a UNIX socket.
      let ends = try connection()
      told.accept(EventSource(StreamSocket(owning: FileDescriptor(owning: ends.accepted)), on: loop))
      let caller = Caller(ends.dialled)
      caller.say(Array("PROXY TCP6 fc00:dead:beef:4dad::0:\(circuit) ::1 \(circuit) 8060\r\n".utf8))
      return caller
    }
    let silent = try (0..<40).map { _ in try call(through: 1) }
    var report = ""
    let other = try call(through: 2)
    let settled = "shared listeners: 17 calls wait for a packet, 24 closed without"
    var speech: TimerSource?
    // Its handler holds it.
    defer { speech = nil }
    speech = try TimerSource(on: loop) {
      report = told.report
      if report == settled { other.speak(to: 5) } else { speech?.start(after: .milliseconds(10)) }
    }
    speech?.start(after: .milliseconds(10))
    try sort(1)
    #expect(report == settled)
    #expect(silent.count { $0.isClosed } == 24)
    #expect(sorted.destinations == [Self.destination(5)])
  }
}
