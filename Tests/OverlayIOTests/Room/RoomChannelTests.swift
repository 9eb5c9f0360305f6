import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("A channel to the helper")
struct RoomChannelTests {
  /// A channel, and the helper's end of it, neither of which waits for ever.
  private struct Ends: ~Copyable {
    let channel: RoomChannel
    let helper: FileDescriptor

    init() throws {
      let ends = try SystemCall.channel()
      channel = RoomChannel(owning: FileDescriptor(owning: ends.own))
      helper = FileDescriptor(owning: ends.other)
      for end in [ends.own, ends.other] {
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(end, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
      }
    }

    func expect(_ requests: [RoomRequest]) throws {
      for expected in requests {
        let bytes = try SystemCall.receive(helper.number, limit: RoomMessage.mostBytes)?.bytes ?? []
        #expect(RoomMessage(bytes).flatMap { RoomRequest($0) } == expected)
      }
    }

    func answer(_ replies: [RoomReply], with descriptors: [Int32] = []) throws {
      for reply in replies { try SystemCall.send(helper.number, reply.message.bytes ?? [], with: descriptors) }
    }
  }

  @Test("A reply that could not be taken is not taken for that to the next request")
  func late() throws {
    let ends = try Ends()
    try ends.answer([.number(1)], with: [ends.helper.number])
    var failure: SystemError?
    let calls = FaultInjection.run(failing: 2, with: ENOMEM) {
      do throws(SystemError) { _ = try ends.channel.ask(.survey) } catch { failure = error }
    }
    #expect(calls == ["send a message", "receive a message"] && failure?.number == ENOMEM)
    // Neither is the request after that answered out of turn where even the late reply cannot be taken at first.
    _ = FaultInjection.run(failing: 1, with: ENOMEM) { _ = try? ends.channel.ask(.survey) }
    try ends.answer([.number(2)], with: [ends.helper.number])
    let answer = try ends.channel.ask(.survey)
    let (found, count) = (answer.reply, answer.count)
    #expect(found == .number(2) && count == 1)
  }

  @Test("What was done for a request whose reply could not be taken is undone")
  func undone() throws {
    let started = RoomRequest.startHook(Hook(.up, "/bin/true"), try OnionName(String(repeating: "a", count: 16)), nil)
    let cases: [(RoomRequest, RoomReply, undoing: RoomRequest)] = [
      (started, .number(7), .endHook(7)), (.fileEvents, .number(7), .endFileEvents(7)),
      (.draft("/names"), .done, .discard("/names")),
    ]
    for (request, reply, undoing) in cases {
      let ends = try Ends()
      _ = FaultInjection.run(failing: 2, with: ENOMEM) { _ = try? ends.channel.ask(request) }
      try ends.answer([reply, .done, .number(1)])
      let found = try ends.channel.ask(.survey).reply
      #expect(found == .number(1))
      try ends.expect([request, undoing, .survey])
    }
  }

  @Test("What could not be undone at first is undone before the next request")
  func undoneLater() throws {
    let ends = try Ends()
    _ = FaultInjection.run(failing: 2, with: ENOMEM) { _ = try? ends.channel.ask(.fileEvents) }
    try ends.answer([.number(7), .done, .number(1)])
    _ = FaultInjection.run(failing: 2, with: ENOBUFS) { _ = try? ends.channel.ask(.survey) }
    let found = try ends.channel.ask(.survey).reply
    #expect(found == .number(1))
    try ends.expect([.fileEvents, .endFileEvents(7), .survey])
  }

  @Test("What is ordered, and could not be sent, is done before the next request")
  func ordered() throws {
    let ends = try Ends()
    _ = FaultInjection.run(failing: 1, with: ENOBUFS) { ends.channel.order(.endHook(7)) }
    try ends.answer([.done, .number(1)])
    let found = try ends.channel.ask(.survey).reply
    #expect(found == .number(1))
    try ends.expect([.endHook(7), .survey])
  }

  @Test("What a reply is about is undone where its descriptors found no room, and the next request gets its own reply")
  func noRoom() throws {
    let ends = try Ends()
    // Three are one more than there is room for.
    let size = 16 + 3 * MemoryLayout<Int32>.size
    var control = [UInt8](repeating: 0, count: 32)
    control.withUnsafeMutableBytes { bytes in
      bytes.storeBytes(of: size, toByteOffset: 0, as: Int.self)
      bytes.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: Int32.self)
      bytes.storeBytes(of: Int32(SCM_RIGHTS), toByteOffset: 12, as: Int32.self)
      for index in 0..<3 { bytes.storeBytes(of: ends.helper.number, toByteOffset: 16 + 4 * index, as: Int32.self) }
    }
    var bytes = RoomReply.number(7).message.bytes ?? []
    let sent = bytes.withUnsafeMutableBytes { bytes in
      var run = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
      return control.withUnsafeMutableBytes { control in
        withUnsafeMutablePointer(to: &run) { run in
          var message = msghdr()
          (message.msg_iov, message.msg_iovlen) = (run, 1)
          (message.msg_control, message.msg_controllen) = (control.baseAddress, control.count)
          return sendmsg(ends.helper.number, &message, 0)
        }
      }
    }
    #expect(sent == bytes.count)
    try ends.answer([.done, .number(1)])
    var failure: SystemError?
    do throws(SystemError) { _ = try ends.channel.ask(.fileEvents) } catch { failure = error }
    #expect(failure?.number == EMFILE)
    let found = try ends.channel.ask(.survey).reply
    #expect(found == .number(1))
    try ends.expect([.fileEvents, .endFileEvents(7), .survey])
  }

  @Test("A request that could not be sent is owed no reply, and the end of the channel is an error")
  func unsent() throws {
    let ends = try Ends()
    _ = FaultInjection.run(failing: 1, with: ENOBUFS) { _ = try? ends.channel.ask(.survey) }
    try ends.answer([.number(1)])
    let found = try ends.channel.ask(.survey).reply
    #expect(found == .number(1))
    shutdown(ends.helper.number, Int32(SHUT_RDWR))
    #expect(throws: SystemError.self) { _ = try ends.channel.ask(.survey) }
  }
}
