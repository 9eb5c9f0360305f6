import OverlayCore
import Testing

@testable import OverlayIO

@Suite("Claims of identities")
struct IdentityClaimTests {
  private let one: OnionName
  private let other: OnionName

  init() throws {
    one = try OnionName("clclclclclclclca.onion")
    other = try OnionName("clclclclclclclcb.onion")
  }

  @Test("an identity is claimed once at a time, beside others")
  func once() throws {
    var claim = IdentityClaim(one)
    #expect(claim != nil)
    #expect(IdentityClaim(one) == nil)
    #expect(IdentityClaim(other) != nil)
    claim = nil
    #expect(IdentityClaim(one) != nil)
  }

  @Test("who lists sockets does not read the name")
  func silent() throws {
    let claim = try #require(IdentityClaim(other))
    let table = String(decoding: try readFile("/proc/net/unix"), as: UTF8.self)
    #expect(table.contains("@oncilla/"))
    #expect(!table.contains(other.label))
    withExtendedLifetime(claim) {}
  }
}
