import CLinux
import Glibc

/// A request to rtnetlink while it is written: header, family header, attributes (rtnetlink(7)).
struct NetlinkMessage {
  /// What is asked, in words, for an error.
  let purpose: String
  private var bytes: [UInt8] = []

  /// A message of `type` with the header of its family, `flags`, and the wish for an acknowledgement.
  init(_ purpose: String, type: Int, flags: Int32 = 0, header: some BitwiseCopyable) {
    self.purpose = purpose
    append(
      nlmsghdr(
        nlmsg_len: 0, nlmsg_type: UInt16(type), nlmsg_flags: UInt16(NLM_F_REQUEST | NLM_F_ACK | flags), nlmsg_seq: 0,
        nlmsg_pid: 0))
    append(header)
  }

  /// Appends an attribute whose payload is `value` in host byte order.
  mutating func append(_ attribute: Int, value: some BitwiseCopyable) {
    nest(attribute) { $0.append(value) }
  }

  /// Appends an attribute with these bytes.
  mutating func append(_ attribute: Int, bytes payload: some Sequence<UInt8>) {
    nest(attribute) { $0.bytes.append(contentsOf: payload) }
  }

  /// Appends an attribute that holds what `body` appends.
  mutating func nest(_ attribute: Int, _ body: (inout NetlinkMessage) -> Void) {
    let start = bytes.count
    append(nlattr(nla_len: 0, nla_type: UInt16(attribute)))
    body(&self)
    write(UInt16(bytes.count - start), at: start)
    bytes.append(contentsOf: repeatElement(0, count: (4 - bytes.count % 4) % 4))
  }

  /// The finished bytes under this sequence number.
  func encoded(sequence: UInt32) -> [UInt8] {
    var message = self
    message.write(UInt32(bytes.count), at: 0)
    message.write(sequence, at: 8)
    return message.bytes
  }

  private mutating func append(_ value: some BitwiseCopyable) {
    withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
  }

  private mutating func write(_ value: some BitwiseCopyable, at offset: Int) {
    withUnsafeBytes(of: value) { bytes.replaceSubrange(offset..<offset + $0.count, with: $0) }
  }
}
