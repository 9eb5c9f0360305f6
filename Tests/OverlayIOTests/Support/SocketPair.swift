import Glibc

@testable import OverlayIO

/// Both ends of a pair of UNIX sockets that do not wait, each owned by the caller.
func socketPair(_ type: __socket_type) throws -> [Int32] {
  var ends: [Int32] = [0, 0]
  let flags = SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
  try SystemCall.perform("socketpair") { socketpair(AF_UNIX, Int32(type.rawValue | flags), 0, &ends) }
  return ends
}

/// Both ends of a connection over TCP to this host, each owned by the caller. The dialled one waits.
func connection() throws -> (dialled: Int32, accepted: Int32) {
  let listener = try FileDescriptor("socket") { socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  try SystemCall.lend(address) { try SystemCall.bind(listener.number, to: $0, $1) }
  try SystemCall.listen(listener.number)
  var size = socklen_t(MemoryLayout<sockaddr_in>.size)
  _ = withUnsafeMutableBytes(of: &address) {
    getsockname(listener.number, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), &size)
  }
  let dialled = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  _ = try SystemCall.lend(address) { try SystemCall.connect(dialled, to: $0, $1) }
  let accepted = accept(listener.number, nil, nil)
  _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
  return (dialled, accepted)
}
