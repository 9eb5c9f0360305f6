import CLinux
import Testing

@testable import OverlayIO

@Suite("Netlink messages")
struct NetlinkRecordTests {
  private func message() -> [UInt8] {
    var message = NetlinkMessage("test", type: 0x1234, header: UInt32(0xdead_beef))
    message.append(1, bytes: [1, 2, 3])
    message.nest(2) { $0.append(3, value: UInt32(77)) }
    return message.encoded(sequence: 9)
  }

  @Test("what is written is read")
  func roundTrip() throws {
    try (message() + message()).withUnsafeBytes { bytes in
      let records = Array(NetlinkRecords(in: bytes))
      #expect(records.count == 2)
      let record = try #require(records.last)
      #expect(record.header.nlmsg_type == 0x1234)
      #expect(record.header.nlmsg_seq == 9)
      #expect(record.header.nlmsg_len == 16 + 4 + 8 + 12)
      #expect(record.familyHeader(as: UInt32.self) == 0xdead_beef)
      let attributes = record.attributes(after: UInt32.self)
      #expect(attributes.first(1).map(Array.init) == [1, 2, 3])
      let nest = try #require(attributes.first(2))
      #expect(NetlinkAttributes(in: nest).value(3, as: UInt32.self) == 77)
      #expect(attributes.value(1, as: UInt32.self) == nil)
      #expect(attributes.first(4) == nil)
    }
  }

  @Test("a message cut anywhere is left out", arguments: 0..<40)
  func cut(length: Int) {
    message()[..<length].withUnsafeBytes { bytes in
      #expect(Array(NetlinkRecords(in: UnsafeRawBufferPointer(rebasing: bytes[...]))).isEmpty)
    }
  }

  @Test("a message whose length is wrong ends the datagram", arguments: [0, 15, 41, .max] as [UInt32])
  func wrongLength(length: UInt32) {
    var bytes = message()
    withUnsafeBytes(of: length) { bytes.replaceSubrange(0..<4, with: $0) }
    bytes.withUnsafeBytes { #expect(Array(NetlinkRecords(in: $0)).isEmpty) }
  }

  @Test("an attribute whose length is wrong ends the attributes", arguments: [0, 3, 9, .max] as [UInt16])
  func wrongAttributeLength(length: UInt16) {
    var bytes: [UInt8] = [0, 0, 1, 0, 5, 6, 7, 8]
    withUnsafeBytes(of: length) { bytes.replaceSubrange(0..<2, with: $0) }
    bytes.withUnsafeBytes { bytes in
      var attributes = NetlinkAttributes(in: bytes)
      let first = attributes.next()
      #expect(first == nil)
    }
  }

  @Test("a record too short for its family's header is none", arguments: 0..<12)
  func shortHeader(length: Int) {
    [UInt8](repeating: 0, count: length).withUnsafeBytes { bytes in
      let record = NetlinkRecord(header: nlmsghdr(), payload: bytes)
      #expect(RouteRecord(record) == nil)
      #expect(LinkRecord(record) == nil)
      #expect(AddressRecord(record) == nil)
    }
  }
}
