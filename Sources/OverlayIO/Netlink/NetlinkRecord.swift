import CLinux
import Glibc

/// One message that came from rtnetlink. It points into the buffer it was received in.
struct NetlinkRecord {
  /// Type, flags and sequence number.
  let header: nlmsghdr
  /// What follows the header.
  let payload: UnsafeRawBufferPointer

  /// The family's header, with which the payload begins; `nil` where it is too short.
  func familyHeader<Header: BitwiseCopyable>(as type: Header.Type) -> Header? {
    guard payload.count >= MemoryLayout<Header>.size else { return nil }
    return payload.loadUnaligned(as: type)
  }

  /// The attributes behind a family header of this type.
  func attributes<Header: BitwiseCopyable>(after type: Header.Type) -> NetlinkAttributes {
    NetlinkAttributes(in: UnsafeRawBufferPointer(rebasing: payload.dropFirst(MemoryLayout<Header>.size)))
  }

  /// The error number that an acknowledgement carries, 0 for success; `nil` for any other message.
  var acknowledgement: Int32? {
    guard Int32(header.nlmsg_type) == NLMSG_ERROR, payload.count >= 4 else { return nil }
    return 0 &- payload.loadUnaligned(as: Int32.self)
  }

  /// The error number with which the answer to a dump ends, 0 for success; `nil` for any other message.
  var dumpEnd: Int32? {
    guard Int32(header.nlmsg_type) == NLMSG_DONE else { return nil }
    return payload.count >= 4 ? max(0, 0 &- payload.loadUnaligned(as: Int32.self)) : 0
  }
}

/// The messages in one received datagram. Ends at the first that is not whole.
struct NetlinkRecords: Sequence, IteratorProtocol {
  private var rest: UnsafeRawBufferPointer

  init(in datagram: UnsafeRawBufferPointer) {
    rest = datagram
  }

  mutating func next() -> NetlinkRecord? {
    let size = MemoryLayout<nlmsghdr>.size
    guard rest.count >= size else { return nil }
    let header = rest.loadUnaligned(as: nlmsghdr.self)
    guard let length = Int(exactly: header.nlmsg_len), length >= size, length <= rest.count else { return nil }
    let payload = UnsafeRawBufferPointer(rebasing: rest[size..<length])
    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst((length + 3) & ~3))
    return NetlinkRecord(header: header, payload: payload)
  }
}

/// The attributes of a message or of a nest. Ends at the first that is not whole.
struct NetlinkAttributes: Sequence, IteratorProtocol {
  private var rest: UnsafeRawBufferPointer

  init(in payload: UnsafeRawBufferPointer) {
    rest = payload
  }

  mutating func next() -> (type: Int, payload: UnsafeRawBufferPointer)? {
    let size = MemoryLayout<nlattr>.size
    guard rest.count >= size else { return nil }
    let header = rest.loadUnaligned(as: nlattr.self)
    let length = Int(header.nla_len)
    guard length >= size, length <= rest.count else { return nil }
    let payload = UnsafeRawBufferPointer(rebasing: rest[size..<length])
    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst((length + 3) & ~3))
    return (Int(header.nla_type) & ~Int(NLA_F_NESTED), payload)
  }

  /// The payload of the first attribute of this type.
  func first(_ type: Int) -> UnsafeRawBufferPointer? {
    first { $0.type == type }?.payload
  }

  /// The value of the first attribute of this type, in host byte order.
  func value<Value: BitwiseCopyable>(_ type: Int, as value: Value.Type) -> Value? {
    guard let payload = first(type), payload.count >= MemoryLayout<Value>.size else { return nil }
    return payload.loadUnaligned(as: value)
  }
}
