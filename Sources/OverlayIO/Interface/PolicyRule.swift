import CLinux
import Glibc
import OverlayCore

/// A policy rule that the program keeps (`ip rule`), one of two for a prefix, which are asked before any rule of
/// another VPN, which would take it along in the clear: the first leads to the main table, where the program's routes
/// and leak guards stand beside those to networks that the host is in, but not to a route that is for more than the
/// prefix; the second refuses what found none.
struct PolicyRule: Hashable {
  /// Which of the two it is.
  enum Kind: CaseIterable {
    /// `to PREFIX lookup main suppress_prefixlength LENGTH-1`
    case routes
    /// `to PREFIX unreachable`
    case refusal
  }

  /// What it is for, at least one bit long: the kernel takes a rule that is for all addresses for any other of its
  /// priority.
  let prefix: IPPrefix
  /// Which of the two it is.
  let kind: Kind
  /// How early it is asked; the smaller one comes first.
  let priority: UInt32

  /// How early the first one is asked where no rule of others comes before it: after the local table (0), before what
  /// other VPNs use (Tailscale from 5210, wg-quick before 32766). The kernel gives a rule that is added without a
  /// number one before the second of all, which is ours: then ours move before that.
  static let firstPriority: UInt32 = 2350

  /// The rule of this kind where the first one stands at `first`, one at least.
  init(_ kind: Kind, for prefix: IPPrefix, first: UInt32 = PolicyRule.firstPriority) {
    self.prefix = prefix
    self.kind = kind
    priority = kind == .routes ? first : first + 1
  }

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

  /// The program's rule that a record tells of; `nil` if it is none.
  init?(_ record: RuleRecord) {
    guard record.origin == KernelRoute.mark, !record.isSelective, record.prefix.length > 0 else { return nil }
    switch Int(record.action) {
    case FR_ACT_TO_TBL
    where record.table == KernelRoute.mainTable && record.suppressed == PolicyRule.suppressed(by: record.prefix):
      kind = .routes
    case FR_ACT_UNREACHABLE: kind = .refusal
    default: return nil
    }
    prefix = record.prefix
    priority = record.priority
  }

  /// Up to which length a route is for more than the prefix.
  private static func suppressed(by prefix: IPPrefix) -> UInt32 { UInt32(prefix.length - 1) }

  private func message(_ verb: String, type: Int, flags: Int32 = 0) -> NetlinkMessage {
    var header = fib_rule_hdr()
    header.family = prefix.family
    header.dst_len = UInt8(prefix.length)
    header.table = kind == .routes ? UInt8(KernelRoute.mainTable) : 0
    header.action = UInt8(kind == .routes ? FR_ACT_TO_TBL : FR_ACT_UNREACHABLE)
    var message = NetlinkMessage("\(verb) the policy rule for \(prefix)", type: type, flags: flags, header: header)
    message.append(Int(FRA_DST), bytes: prefix.addressBytes)
    message.append(Int(FRA_PRIORITY), value: priority)
    message.append(Int(FRA_PROTOCOL), value: KernelRoute.mark)
    if kind == .routes { message.append(Int(FRA_SUPPRESS_PREFIXLEN), value: PolicyRule.suppressed(by: prefix)) }
    return message
  }
}

/// A policy rule as rtnetlink tells of it.
struct RuleRecord: Equatable {
  /// The destinations that it is for; all of its family, where it names none.
  var prefix: IPPrefix
  /// The smaller one is asked first.
  var priority: UInt32
  /// Whether it leads to a table, refuses, and so on (`FR_ACT_…`).
  var action: UInt8
  /// The table that it leads to; 0 where it leads to none.
  var table: UInt32
  /// Up to which length of prefix routes of the table are passed over; `nil` where none is.
  var suppressed: UInt32?
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
    action = header.action
    suppressed = attributes.value(Int(FRA_SUPPRESS_PREFIXLEN), as: UInt32.self).flatMap { $0 == .max ? nil : $0 }
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

  /// Whether it takes packets of a prefix elsewhere before our rules are asked, if those stand where they do by
  /// themselves. The table of the host's own addresses leads nowhere else, and in the main table our routes stand.
  func overrides(_ other: IPPrefix) -> Bool {
    priority < PolicyRule.firstPriority && origin != KernelRoute.mark && table != UInt32(RT_TABLE_LOCAL.rawValue)
      && table != KernelRoute.mainTable
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
      let address = attribute.flatMap { IPv4Address(bytes: $0) } ?? .unspecified
      guard let prefix = IPv4Prefix(address, length: length) else { return nil }
      self = .ipv4(prefix)
    default: return nil
    }
  }
}
