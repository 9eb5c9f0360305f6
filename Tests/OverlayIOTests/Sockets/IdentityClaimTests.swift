import Glibc
import OverlayCore
import Testing

@testable import OverlayIO

@Suite("Claims of identities")
struct IdentityClaimTests {
  private let one: OnionName
  private let other: OnionName
  private let third: OnionName

  init() throws {
    one = try OnionName("clclclclclclclca.onion")
    other = try OnionName("clclclclclclclcb.onion")
    third = try OnionName("clclclclclclclcc.onion")
  }

  @Test("an identity is claimed once at a time, beside others")
  func once() throws {
    var claim: IdentityClaim? = try IdentityClaim(one)
    let error = #expect(throws: SystemError.self) { try IdentityClaim(one) }
    #expect(error?.number == EADDRINUSE)
    _ = try IdentityClaim(other)
    withExtendedLifetime(claim) {}
    claim = nil
    _ = try IdentityClaim(one)
  }

  @Test("who lists sockets does not read the name")
  func silent() throws {
    let claim = try IdentityClaim(third)
    let table = String(decoding: try readFile("/proc/net/unix"), as: UTF8.self)
    #expect(table.contains("@oncilla/"))
    #expect(!table.contains(third.label))
    withExtendedLifetime(claim) {}
  }
}
