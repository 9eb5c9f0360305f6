import OverlayCore
import OverlayIO
import Testing

@testable import oncilla

@Suite("Options --route, --serve and --ipv4-address")
struct PrefixOptionTests {
  static let own = "657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd.onion"
  static let alice = "7fd22jhmqgfl45j6.onion"

  static func daemon(_ arguments: [String]) throws -> DaemonSettings {
    let fixed = ["--onion", own, "--peer", "alice=\(alice)"]
    return try #require(try RunOptions.parse(fixed + arguments)).daemon
  }

  static let accepted: [([String], String)] = [
    ([], "fd00:1::/64"), ([], "fd00::/16"), ([], "2001:db8:7::/48"),
    ([], "fd12:3456:789a:1::5/128"), (["--ipv4"], "10.0.0.0/8"), (["--ipv4"], "192.168.7.0/24"),
    (["--ipv4"], "100.64.0.0/10"), (["--ipv4"], "203.0.113.0/24"), (["--ipv4"], "10.20.0.9/32"),
    (["--netns", "n"], "::/0"), (["--netns", "n"], "fd00::/8"), (["--netns", "n"], "2001:db8::/32"),
    (["--netns", "n", "--ipv4"], "0.0.0.0/0"), (["--netns", "n", "--ipv4", "--socks", "10.1.0.1:9050"], "10.1.0.0/16"),
  ]

  @Test("a prefix that Tor does not need is routed and served", arguments: accepted)
  func accepts(options: [String], prefix: String) throws {
    let expected = try #require(IPPrefix(prefix))
    let routed = try PrefixOptionTests.daemon(options + ["--route", "\(prefix),via=alice"])
    #expect(routed.routes == [Route(prefix: expected, via: try OnionName(PrefixOptionTests.alice))])
    #expect(routed.interface.routes == [expected])
    let served = try PrefixOptionTests.daemon(options + ["--serve", prefix])
    #expect(served.served == [expected])
    #expect(served.interface.routes.isEmpty)
  }

  static let refused: [([String], String, String)] = [
    (
      [], "fd00:1::",
      "'fd00:1::' is not a prefix; ADDRESS/LENGTH is accepted, such as fd00:1::/64 or 10.20.0.0/16"
    ),
    (
      [], "fd00:1::/129",
      "'fd00:1::/129' is not a prefix; ADDRESS/LENGTH is accepted, such as fd00:1::/64 or 10.20.0.0/16"
    ),
    ([], "fd00:1::1/64", "'fd00:1::1/64' names a host in a prefix; the prefix is fd00:1::/64"),
    (["--ipv4"], "10.20.3.0/16", "'10.20.3.0/16' names a host in a prefix; the prefix is 10.20.0.0/16"),
    ([], "10.20.0.0/16", "an IPv4 prefix needs --ipv4"),
    ([], "fd87:d87e:eb43::/48", "it lies in fd87:d87e:eb43::/48: the overlay, which needs no route"),
    ([], "fd87:d87e:eb43:1::/64", "it lies in fd87:d87e:eb43::/48: the overlay, which needs no route"),
    (["--netns", "n"], "fd87:d87e:eb43:1::/64", "it lies in fd87:d87e:eb43::/48: the overlay, which needs no route"),
    ([], "fd00::/8", "it covers fd87:d87e:eb43::/48: the overlay, which needs no route; with --netns it is accepted"),
    ([], "::1/128", "it lies in ::1/128: loopback"), ([], "fe80::/64", "it lies in fe80::/10: link-local"),
    (["--netns", "n"], "ff02::/16", "it lies in ff00::/8: multicast"),
    (["--ipv4"], "127.0.0.0/8", "it lies in 127.0.0.0/8: loopback"),
    (["--ipv4", "--netns", "n"], "169.254.1.0/24", "it lies in 169.254.0.0/16: link-local"),
    (["--ipv4"], "239.0.0.0/8", "it lies in 224.0.0.0/4: multicast"),
    (["--ipv4"], "255.255.255.255/32", "it lies in 240.0.0.0/4: reserved"),
  ]

  @Test("a prefix that is none of a LAN is neither routed nor served", arguments: refused)
  func refuses(options: [String], prefix: String, reason: String) {
    for (option, value) in [("--route", "\(prefix),via=alice"), ("--serve", prefix)] {
      let error = #expect(throws: CommandError.self) { try PrefixOptionTests.daemon(options + [option, value]) }
      #expect(error?.description == "\(option) '\(value)': \(reason)")
      #expect(error?.exitStatus == 2)
    }
  }

  static let wide = "it is wide enough to cover Tor's own traffic: public prefixes of "
  static let leads = "which leads to Tor; with --netns it is accepted"
  static let coversTor: [([String], String, String)] = [
    ([], "2001:db8::/32", wide + "/48 or longer are accepted, any with --netns"),
    ([], "::/0", wide + "/48 or longer are accepted, any with --netns"),
    ([], "fc00::/6", wide + "/48 or longer are accepted, any with --netns"),
    (["--ipv4"], "203.0.112.0/23", wide + "/24 or longer are accepted, any with --netns"),
    (["--ipv4"], "100.0.0.0/8", wide + "/24 or longer are accepted, any with --netns"),
    (["--ipv4", "--socks", "127.0.0.1:9050"], "0.0.0.0/0", "it covers 127.0.0.1:9050, \(leads)"),
    (["--ipv4", "--socks", "10.1.0.1:9050"], "10.1.0.0/16", "it covers 10.1.0.1:9050, \(leads)"),
    (["--socks", "[fd00:9::1]:9050"], "fd00:9::/64", "it covers [fd00:9::1]:9050, \(leads)"),
    (["--listen", "[fd00:9::2]:8060"], "fd00:9::/64", "it covers [fd00:9::2]:8060, \(leads)"),
  ]

  @Test("a route that would take Tor's own traffic is refused outside a namespace", arguments: coversTor)
  func refusesRoutes(options: [String], prefix: String, reason: String) throws {
    let value = "\(prefix),via=alice"
    let error = #expect(throws: CommandError.self) { try PrefixOptionTests.daemon(options + ["--route", value]) }
    #expect(error?.description == "--route '\(value)': \(reason)")
    _ = try PrefixOptionTests.daemon(options + ["--route", value, "--netns", "n"])
  }

  static let forms: [([String], String)] = [
    (["--route", "fd00:1::/64"], "--route 'fd00:1::/64': PREFIX,via=NAME is accepted"),
    (["--route", "fd00:1::/64,by=alice"], "--route 'fd00:1::/64,by=alice': PREFIX,via=NAME is accepted"),
    (
      ["--route", "fd00:1::/64,via=bob"],
      "--route 'fd00:1::/64,via=bob': 'bob' is neither an onion name nor the petname of a --peer, "
        + "nor of one that 'oncilla peer add' has saved"
    ),
    (
      ["--route", "fd00:1::/64,via=a_b"],
      "--route 'fd00:1::/64,via=a_b': 'a_b' is not accepted: an onion name has 56 characters before "
        + ".onion (16 in version 2), not 3"
    ),
    (["--route", "fd00:1::/64,via=\(own)"], "--route 'fd00:1::/64,via=\(own)': via= is this host's own name"),
    (
      ["--route", "fd00:1::/64,via=alice", "--route", "fd00:1:0::/64,via=\(alice)"],
      "--route 'fd00:1:0::/64,via=7fd22jhmqgfl45j6.onion': this prefix is already given"
    ),
    (
      ["--serve", "fd00:1::/64", "--route", "fd00:1::/64,via=alice"],
      "--serve 'fd00:1::/64': this prefix is behind a peer, by --route"
    ),
    (["--serve", "fd00:1::/64", "--serve", "fd00:1::/64"], "--serve 'fd00:1::/64': this prefix is already given"),
    (["--ipv4-address", "10.0.0.1/8"], "--ipv4-address needs --ipv4"),
    (
      ["--ipv4", "--ipv4-address", "10.0.0.1"],
      "--ipv4-address '10.0.0.1': A/LEN is accepted: an IPv4 address and 1 to 32, such as 10.20.0.1/16"
    ),
    (
      ["--ipv4", "--ipv4-address", "10.0.0.0/8"],
      "--ipv4-address '10.0.0.0/8': 10.0.0.0 is the first or the last address of 10.0.0.0/8, which is no host's"
    ),
    (
      ["--ipv4", "--ipv4-address", "10.0.0.255/24"],
      "--ipv4-address '10.0.0.255/24': 10.0.0.255 is the first or the last address of 10.0.0.0/24, which is no host's"
    ),
    (
      ["--ipv4", "--ipv4-address", "127.0.0.9/24"],
      "--ipv4-address '127.0.0.9/24': it lies in 127.0.0.0/8: loopback"
    ),
    (
      ["--ipv4", "--ipv4-address", "8.8.8.8/16"],
      "--ipv4-address '8.8.8.8/16': \(wide)/24 or longer are accepted, any with --netns"
    ),
    (
      ["--mode", "tap", "--mtu", "65522"],
      "--mtu '65522': with --mode tap a number from 1280 to 65521 is accepted"
    ),
    (["--no-address"], "--no-address needs --mode tap"), (["--dhcpv6"], "--dhcpv6 needs --mode tap"),
    (["--lan-dns"], "--lan-dns needs --mode tap"),
    (
      ["--mode", "tap", "--no-address", "--ipv4", "--ipv4-address", "10.0.0.1/8"],
      "--no-address and --ipv4-address exclude each other: one of them is accepted"
    ),
  ]

  @Test("what lacks its other half or contradicts itself is refused", arguments: forms)
  func form(arguments: [String], line: String) {
    let error = #expect(throws: CommandError.self) { try PrefixOptionTests.daemon(arguments) }
    #expect(error?.description == line)
    #expect(error?.exitStatus == 2)
  }

  @Test("there is a bound to prefixes")
  func bound() throws {
    let many = (0..<256).flatMap { ["--serve", "fd00:0:0:\(String($0, radix: 16))::/64"] }
    #expect(try PrefixOptionTests.daemon(many).served.count == 256)
    let error = #expect(throws: CommandError.self) { try PrefixOptionTests.daemon(many + ["--serve", "fd01::/64"]) }
    #expect(error?.description == "--serve 'fd01::/64': at most 256 prefixes are accepted")
  }

  @Test(
    "an interface has an IPv4 address at either border of a prefix of 31 bits", arguments: ["10.0.0.0", "10.0.0.1"])
  func pointToPoint(address: String) throws {
    let daemon = try PrefixOptionTests.daemon(["--ipv4", "--ipv4-address", "\(address)/31"])
    #expect(daemon.ipv4Address?.description == "\(address)/31")
  }
}
