import Testing

@testable import OverlayCore

@Suite("DHCPv6 message")
struct DHCPv6MessageTests {
  private static func parse(_ bytes: [UInt8]) throws(DHCPv6MessageError) -> DHCPv6Message {
    let result: Result<DHCPv6Message, DHCPv6MessageError> = bytes.withUnsafeBytes { buffer in
      do throws(DHCPv6MessageError) { return .success(try DHCPv6Message(buffer)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  /// The first message of dhcpcd 9.4, as it left it.
  private static let solicit = """
    01 91826a
    0001 000e 00010001329446f7021122334455
    0003 000c 22334455 00000000 00000000
    0006 0004 0052 0053
    0008 0002 0000
    0010 0006 00009d08 0000
    """

  @Test("a real client's solicitation is read")
  func real() throws {
    let message = try Self.parse(hexadecimal(Self.solicit))
    var expected = DHCPv6Message(.solicit, transaction: 0x91826a)
    expected.client = DUID("00010001329446f7021122334455")
    expected.associations = [DHCPv6Association(identifier: 0x2233_4455)]
    #expect(message == expected)
    #expect(message.client != nil)
  }

  @Test("name server and search list, byte by byte; a server reads nothing of a client's")
  func names() throws {
    var message = DHCPv6Message(.reply, transaction: 0xabcdef)
    message.zone = DNSName("oncilla.internal")
    let expected = try hexadecimal(
      """
      07 abcdef
      0017 0010 fd87d87eeb430000 00000000deadbeef
      0018 0012 07 6f6e63696c6c61 08 696e7465726e616c 00
      """)
    #expect(message.bytes == expected)
    #expect(try Self.parse(expected) == DHCPv6Message(.reply, transaction: 0xabcdef))
  }

  @Test("an answer, byte by byte, and read again")
  func answer() throws {
    var message = DHCPv6Message(.reply, transaction: 0xabcdef)
    message.client = DUID("000400ff")
    message.server = DUID(MACAddress(value: 0x0200_5e10_0001))
    message.isRapid = true
    var granted = DHCPv6Association(identifier: 7)
    granted.renewalTime = 1_800
    granted.rebindingTime = 2_880
    granted.addresses = [
      DHCPv6Address(try .sample("fd87:d87e:eb43:1::2"), preferredLifetime: 3_600, validLifetime: 7_200)
    ]
    var refused = DHCPv6Association(identifier: 8)
    refused.status = .noAddressesAvailable
    message.associations = [granted, refused]
    message.status = .success
    let bytes = try hexadecimal(
      """
      07 abcdef
      0001 0004 000400ff
      0002 000a 0003 0001 02005e100001
      000e 0000
      0003 0028 00000007 00000708 00000b40
           0005 0018 fd87d87eeb430001 0000000000000002 00000e10 00001c20
      0003 0012 00000008 00000000 00000000
           000d 0002 0002
      000d 0002 0000
      """)
    #expect(message.bytes == bytes)
    #expect(try Self.parse(bytes) == message)
  }

  @Test(
    "what is no message for a server is told apart",
    arguments: [
      ("", .cutOff), ("01", .cutOff), ("01 1234", .cutOff), ("00 123456", .type(0)), ("0a 123456", .type(10)),
      ("0c 00 fe80", .type(12)), ("0d 00", .type(13)), ("ff 123456", .type(255)),
      ("01 123456 0001", .cutOff), ("01 123456 0001 0003 0004", .cutOff), ("01 123456 0001 0002 0004", .identifier),
      ("01 123456 0001 0000", .identifier), ("01 123456 0002 0002 0004", .identifier),
      ("01 123456 0001 0003 000401 0001 0003 000401", .repeated),
      ("01 123456 0002 0003 000401 0002 0003 000402", .repeated),
      ("01 123456 0003 000b 00000001 00000000 000000", .cutOff),
      ("01 123456 0003 000f 00000001 00000000 00000000 000500", .cutOff),
      ("01 123456 0003 0011 00000001 00000000 00000000 0005 0001 00", .cutOff),
      ("01 123456 000d 0001 00", .option(13)), ("01 123456 000e 0001 00", .option(14)),
    ] as [(String, DHCPv6MessageError)])
  func malformed(_ text: String, _ error: DHCPv6MessageError) throws {
    let bytes = try hexadecimal(text)
    #expect(throws: error) { try Self.parse(bytes) }
  }

  @Test("an identifier has 3 to 130 bytes", arguments: [3, 130])
  func identifiers(_ count: Int) throws {
    let bytes: [UInt8] = [1, 0, 0, 1, 0, 1, 0, UInt8(count)] + [UInt8](repeating: 9, count: count)
    #expect(try Self.parse(bytes).client?.bytes.count == count)
    let longer: [UInt8] = [1, 0, 0, 1, 0, 1, 0, 131] + [UInt8](repeating: 9, count: 131)
    #expect(throws: DHCPv6MessageError.identifier) { try Self.parse(longer) }
  }

  @Test("four associations of four addresses are read, more of either are not")
  func bounds() throws {
    func message(_ associations: Int, _ addresses: Int) -> [UInt8] {
      let address: [UInt8] = [0, 5, 0, 24] + [UInt8](repeating: 1, count: 24)
      let body = [UInt8](repeating: 2, count: 12) + (0..<addresses).flatMap { _ in address }
      return [1, 0, 0, 1] + (0..<associations).flatMap { _ in [0, 3, 0, UInt8(body.count)] + body }
    }
    let most = try Self.parse(message(4, 4))
    #expect(most.associations.map(\.addresses.count) == [4, 4, 4, 4])
    #expect(throws: DHCPv6MessageError.excess) { try Self.parse(message(5, 0)) }
    #expect(throws: DHCPv6MessageError.excess) { try Self.parse(message(1, 5)) }
  }

  @Test("associations nested four thousand times deep do not use up the stack")
  func nesting() throws {
    var bytes: [UInt8] = []
    for depth in 0..<4_000 {
      let length = depth * 16 + 12
      let header: [UInt8] = [0, 3, UInt8(length >> 8), UInt8(length & 0xff)]
      bytes = header + [UInt8](repeating: 0, count: 12) + bytes
    }
    let message = try Self.parse([1, 0, 0, 1] + bytes)
    #expect(message.associations == [DHCPv6Association(identifier: 0)])
  }

  @Test("every truncation is refused, or is a shorter message")
  func truncation() throws {
    let bytes = try hexadecimal(Self.solicit)
    let ends = [4, 22, 38, 46, 52, 62]
    for length in 0..<bytes.count {
      let message = try? Self.parse(Array(bytes[..<length]))
      #expect((message != nil) == ends.contains(length), "length \(length)")
    }
  }

  @Test("no bytes crash the reading, and what is read can be written and read again")
  func mutations() throws {
    let bytes = try hexadecimal(Self.solicit + " 0003 0028 00000001 00000000 00000000 0005 0018")
    var random = SeededGenerator(seed: 77)
    var read = 0
    for _ in 0..<100_000 {
      var mutant = bytes + random.bytes(24)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        mutant[Int.random(in: mutant.indices, using: &random)] = UInt8(random.next() & 0x1f)
      }
      mutant.removeLast(Int.random(in: 0...3, using: &random) * Int.random(in: 0...9, using: &random))
      guard let message = try? Self.parse(mutant) else { continue }
      read += 1
      #expect(try Self.parse(message.bytes) == message)
    }
    #expect(read > 10_000)
  }
}
