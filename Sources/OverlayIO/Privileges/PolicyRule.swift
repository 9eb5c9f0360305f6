import CLinux
import Glibc
import OverlayCore

/// A policy rule that the program keeps (`ip rule`): it leads what is for a prefix to the program's own table before any
/// rule of another VPN, which would take it along in the clear.
struct PolicyRule: Equatable {
  /// What it leads there.
  let prefix: IPPrefix

  /// How early it is asked: after the local table (0), before what other VPNs use (Tailscale from 5210, wg-quick before
  /// 32766).
  static let priority: UInt32 = 2350
  /// The table that it leads to.
  static let table: UInt32 = 235

  /// The request that adds the rule, and fails with EEXIST where it stands.
  var addition: NetlinkMessage { message("install", type: RTM_NEWRULE, flags: NLM_F_CREATE | NLM_F_EXCL) }

  /// The request that removes the rule, and fails with ENOENT where there is none.
  var removal: NetlinkMessage { message("remove", type: RTM_DELRULE) }

  /// The request for all rules of this family (`AF_INET` or `AF_INET6`).
  static func query(family: UInt8) -> NetlinkMessage {
    var header = fib_rule_hdr()
    header.family = family
    return NetlinkMessage("look for policy rules", type: RTM_GETRULE, flags: Int32(NLM_F_DUMP), header: header)
  }

  /// Whether the rule is this one.
  func matches(_ rule: RuleRecord) -> Bool {
    rule.prefix == prefix && rule.priority == PolicyRule.priority && rule.table == PolicyRule.table && !rule.isSelective
  }

  private func message(_ verb: String, type: Int, flags: Int32 = 0) -> NetlinkMessage {
    var header = fib_rule_hdr()
    header.family = prefix.family
    header.dst_len = UInt8(prefix.length)
    header.table = UInt8(PolicyRule.table)
    header.action = UInt8(FR_ACT_TO_TBL)
    var message = NetlinkMessage("\(verb) the policy rule for \(prefix)", type: type, flags: flags, header: header)
    message.append(Int(FRA_DST), bytes: prefix.addressBytes)
    message.append(Int(FRA_PRIORITY), value: PolicyRule.priority)
    message.append(Int(FRA_PROTOCOL), value: KernelRoute.mark)
    return message
  }
}

/// A policy rule as rtnetlink tells of it.
struct RuleRecord: Equatable {
  /// The destinations that it is for; all of its family, where it names none.
  var prefix: IPPrefix
  /// The smaller one is asked first.
  var priority: UInt32
  /// The table that it leads to; 0 where it leads to none.
  var table: UInt32
  /// Who made it (`RTPROT_…`); 0 where that is not said.
  var origin: UInt8
  /// Whether it is only for packets of some source, mark, interface or user, or for all but those.
  var isSelective: Bool

  /// Reads `RTM_NEWRULE` and `RTM_DELRULE`; `nil` for another family's than IP, and for what is not whole.
  init?(_ record: NetlinkRecord) {
    guard let header = record.familyHeader(as: fib_rule_hdr.self) else { return nil }
    let attributes = record.attributes(after: fib_rule_hdr.self)
    guard
      let prefix = IPPrefix(
        family: header.family, length: Int(header.dst_len), attribute: attributes.first(Int(FRA_DST)))
    else { return nil }
    self.prefix = prefix
    priority = attributes.value(Int(FRA_PRIORITY), as: UInt32.self) ?? 0
    table = attributes.value(Int(FRA_TABLE), as: UInt32.self) ?? UInt32(header.table)
    origin = attributes.value(Int(FRA_PROTOCOL), as: UInt8.self) ?? 0
    let selectors = [
      FRA_FWMARK, FRA_IIFNAME, FRA_OIFNAME, FRA_UID_RANGE, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE,
    ]
    isSelective =
      header.src_len > 0 || header.tos > 0 || header.flags & UInt32(FIB_RULE_INVERT) != 0
      || selectors.contains { attributes.first(Int($0)) != nil }
  }

  /// Whether it takes packets of a prefix elsewhere before our rule is asked. The table of the host's own addresses
  /// leads nowhere else.
  func overrides(_ other: IPPrefix) -> Bool {
    priority < PolicyRule.priority && table != UInt32(RT_TABLE_LOCAL.rawValue) && table != PolicyRule.table
      && (prefix.contains(other) || other.contains(prefix))
  }
}

extension IPPrefix {
  /// The prefix that a message of rtnetlink names by its family, a length in bits and an attribute; without one the
  /// address is all zeros. `nil` for another family's than IP, and for what is no prefix.
  init?(family: UInt8, length: Int, attribute: UnsafeRawBufferPointer?) {
    switch Int32(family) {
    case AF_INET6:
      let address = attribute.flatMap { IPv6Address(bytes: $0) } ?? .unspecified
      guard let prefix = IPv6Prefix(address, length: length) else { return nil }
      self = .ipv6(prefix)
    case AF_INET:
      let address = attribute.flatMap { IPv4Address(bytes: $0) } ?? IPv4Address(value: 0)
      guard let prefix = IPv4Prefix(address, length: length) else { return nil }
      self = .ipv4(prefix)
    default: return nil
    }
  }
}
