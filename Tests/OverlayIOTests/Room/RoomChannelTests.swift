import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("A channel to the helper")
struct RoomChannelTests {
  @Test("A reply that could not be taken is not taken for that to the next request")
  func late() throws {
    let ends = try SystemCall.channel()
    let channel = RoomChannel(owning: FileDescriptor(owning: ends.own))
    let helper = FileDescriptor(owning: ends.other)
    func reply(_ number: Int32) throws {
      try SystemCall.send(helper.number, RoomReply.number(number).message.bytes ?? [], with: [helper.number])
    }
    try reply(1)
    var failure: SystemError?
    let calls = FaultInjection.run(failing: 2, with: ENOMEM) {
      do throws(SystemError) { _ = try channel.ask(.survey) } catch { failure = error }
    }
    #expect(calls == ["send a message", "receive a message"] && failure?.number == ENOMEM)
    // Neither is the request after that answered out of turn where even the late reply cannot be taken at first.
    _ = FaultInjection.run(failing: 1, with: ENOMEM) { _ = try? channel.ask(.survey) }
    try reply(2)
    let answer = try channel.ask(.survey)
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
      let ends = try SystemCall.channel()
      let channel = RoomChannel(owning: FileDescriptor(owning: ends.own))
      let helper = FileDescriptor(owning: ends.other)
      _ = FaultInjection.run(failing: 2, with: ENOMEM) { _ = try? channel.ask(request) }
      for answer in [reply, .done, .number(1)] {
        try SystemCall.send(helper.number, answer.message.bytes ?? [], with: [])
      }
      let found = try channel.ask(.survey).reply
      #expect(found == .number(1))
      for expected in [request, undoing, .survey] {
        let bytes = try SystemCall.receive(helper.number, limit: RoomMessage.mostBytes)?.bytes ?? []
        #expect(RoomMessage(bytes).flatMap { RoomRequest($0) } == expected)
      }
    }
  }

  @Test("A request that could not be sent is owed no reply, and the end of the channel is an error")
  func unsent() throws {
    let ends = try SystemCall.channel()
    let channel = RoomChannel(owning: FileDescriptor(owning: ends.own))
    _ = FaultInjection.run(failing: 1, with: ENOBUFS) { _ = try? channel.ask(.survey) }
    try SystemCall.send(ends.other, RoomReply.number(1).message.bytes ?? [], with: [])
    let found = try channel.ask(.survey).reply
    #expect(found == .number(1))
    SystemCall.close(ends.other)
    #expect(throws: SystemError.self) { _ = try channel.ask(.survey) }
  }
}
