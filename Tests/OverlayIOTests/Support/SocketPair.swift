import Glibc

@testable import OverlayIO

/// Both ends of a pair of UNIX sockets that do not wait, each owned by the caller.
func socketPair(_ type: __socket_type) throws -> [Int32] {
  var ends: [Int32] = [0, 0]
  let flags = SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
  try SystemCall.perform("socketpair") { socketpair(AF_UNIX, Int32(type.rawValue | flags), 0, &ends) }
  return ends
}
