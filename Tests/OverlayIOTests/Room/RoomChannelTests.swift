import Glibc
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
