import CLinux
import Glibc
import OverlayCore

/// Hears what others do to the interface and to the leak guards, and leaves out everything else on the machine.
public struct InterfaceMonitor: Pollable, ~Copyable {
  private let socket: NetlinkSocket
  private var settings: InterfaceSettings
  private var routedPrefixes: Set<IPPrefix>
  private var guardedPrefixes: Set<IPPrefix>
  // The number of the interface, and what was last heard of it.
  private var index: Int32?
  private var link: LinkRecord?
  /// Whether `lo` was up when it was last heard of.
  private(set) var loopbackIsUp: Bool
  private var asksForLinks = false
  // Where our rules stand that have been added since, by where they stand by themselves.
  private var rules: [PolicyRule: PolicyRule] = [:]

  /// What the socket subscribes to (`<linux/rtnetlink.h>`).
  static func groups(for settings: InterfaceSettings) -> Int32 {
    let groups = RTMGRP_LINK | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE | ruleGroup(RTNLGRP_IPV6_RULE)
    guard settings.carriesIPv4 else { return groups }
    return groups | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | ruleGroup(RTNLGRP_IPV4_RULE)
  }

  private static func ruleGroup(_ group: rtnetlink_groups) -> Int32 { 1 << Int32(group.rawValue - 1) }

  /// How many datagrams one `drain` takes at most, so that a machine busy with routes leaves the loop its turn.
  private static let datagramsPerDrain = 64

  /// The number for the event loop, readable while there is something to drain.
  public var descriptor: Int32 { socket.descriptor }

  /// Listens on `socket`, which hears `groups` and was emptied before `link`, if there is an interface already, and
  /// `loopbackIsUp` were found out.
  init(socket: consuming NetlinkSocket, settings: InterfaceSettings, link: LinkRecord?, loopbackIsUp: Bool) {
    self.socket = socket
    self.settings = settings
    routedPrefixes = Set(settings.routedPrefixes)
    guardedPrefixes = Set(settings.guardedPrefixes)
    self.link = link
    index = link?.index
    self.loopbackIsUp = loopbackIsUp
  }

  /// Hears from now on what is done to this interface, too. The kernel told of it when it was made: that message, or
  /// the answer to a question after it was lost, says what the changes are changes of.
  public mutating func watch(_ tunnel: borrowing TunnelDevice) {
    index = tunnel.index
    link = nil
  }

  /// Watches these prefixes from now on, in place of those before.
  public mutating func setPrefixes(routes: [IPPrefix], served: [IPPrefix]) {
    settings.routes = routes
    settings.served = served
    routedPrefixes = Set(settings.routedPrefixes)
    guardedPrefixes = Set(settings.guardedPrefixes)
  }

  /// Gives the changes that wait to `body`, in the order in which they happened.
  public mutating func drain(_ body: (InterfaceChange) -> Void) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: NetlinkSocket.bufferSize, alignment: 8)
    defer { buffer.deallocate() }
    for _ in 0..<InterfaceMonitor.datagramsPerDrain {
      switch (try? socket.receive(into: buffer)) ?? .overflow {
      case .nothing:
        guard asksForLinks else { return }
        askForLinks()
      case .overflow:
        body(.overflow)
        asksForLinks = true
      case .datagram(let count):
        for record in NetlinkRecords(in: UnsafeRawBufferPointer(rebasing: buffer[..<count])) {
          handle(record, body)
        }
      }
    }
    // Nobody wakes the loop if this was the last that waited. An answer for which there is no room yet is one more
    // overflow, and asked for again.
    if asksForLinks { askForLinks() }
  }

  /// Whether the links changed with the messages that were lost shows in answers that come as messages do. They would
  /// be lost too before the queue is empty. A request that fails is no loss beyond that: who hears of the overflow
  /// checks what matters.
  private mutating func askForLinks() {
    asksForLinks = false
    for index in [index, LinkRecord.loopbackIndex].compactMap(\.self) {
      try? socket.send(LinkRequest.query(index: index), sequence: UInt32(bitPattern: index))
    }
  }

  private mutating func handle(_ record: NetlinkRecord, _ body: (InterfaceChange) -> Void) {
    switch Int(record.header.nlmsg_type) {
    case RTM_NEWLINK:
      if let new = LinkRecord(record) { update(new, body) }
    case RTM_DELLINK:
      if let lost = LinkRecord(record), lost.index == index { body(.deleted) }
    case RTM_DELADDR:
      guard let lost = AddressRecord(record) else { return }
      if lost.interface == index, isOurs(lost) { body(.addressLost) }
      if isSource(lost) { body(.servedAddressChanged) }
    case RTM_NEWADDR:
      if let new = AddressRecord(record), isSource(new) { body(.servedAddressChanged) }
      if let new = AddressRecord(record), new.interface == index, settings.isUnwanted(new) {
        body(.linkLocalAddressAdded)
      }
    case RTM_DELROUTE:
      if let lost = RouteRecord(record) { handle(lost: lost, body) }
    case RTM_NEWROUTE:
      // A route that is replaced is told of by the new one alone.
      guard let new = RouteRecord(record) else { return }
      if new.overrides(guardedPrefixes, exceptIn: settings.served) { body(.overridingRouteAdded) }
      guard Int32(record.header.nlmsg_flags) & NLM_F_REPLACE != 0 else { return }
      for (route, change) in kept(to: new.prefix) where route.takesPlace(new) && !route.matches(new) { body(change) }
    case RTM_DELRULE:
      guard let lost = RuleRecord(record).flatMap({ PolicyRule($0) }), guardedPrefixes.contains(lost.prefix) else {
        return
      }
      // One that was moved by ourselves stands elsewhere already.
      if rules[PolicyRule(lost.kind, for: lost.prefix)] ?? lost == lost { body(.leakGuardLost) }
    case RTM_NEWRULE:
      guard let new = RuleRecord(record) else { return }
      if let ours = PolicyRule(new), guardedPrefixes.contains(ours.prefix) {
        rules[PolicyRule(ours.kind, for: ours.prefix)] = ours
      }
      if guardedPrefixes.contains(where: new.overrides) { body(.overridingRuleAdded) }
    case Int(NLMSG_ERROR):
      // The answer to `askForLinks`.
      if let index, record.acknowledgement == ENODEV, record.header.nlmsg_seq == UInt32(bitPattern: index) {
        body(.deleted)
      }
    default:
      break
    }
  }

  private mutating func update(_ new: LinkRecord, _ body: (InterfaceChange) -> Void) {
    if new.index == LinkRecord.loopbackIndex {
      if new.isUp, !loopbackIsUp { body(.loopbackCameUp) }
      loopbackIsUp = new.isUp
    } else if new.index == index {
      let known = link
      link = new
      if let bridge = new.bridge, bridge != known?.bridge { body(.joinedBridge) }
      guard let old = known else { return }
      if new.mtu != old.mtu { body(.mtuChanged(new.mtu)) }
      if new.isUp != old.isUp { body(new.isUp ? .cameUp : .wentDown) }
    }
  }

  private func handle(lost route: RouteRecord, _ body: (InterfaceChange) -> Void) {
    for (ours, change) in kept(to: route.prefix) where ours.matches(route) { return body(change) }
    if let index, KernelRoute(connected: settings.prefix, to: index).matches(route) { body(.prefixRouteLost) }
  }

  /// Whether the host may speak from the address along our routes. What we set on the interface ourselves is no news:
  /// to act on it would set it again.
  private func isSource(_ address: AddressRecord) -> Bool {
    address.interface != index && settings.serves(address)
  }

  private func isOurs(_ address: AddressRecord) -> Bool {
    switch address.address {
    case .ipv6(let host): address.prefixLength == settings.prefix.length && settings.prefix.contains(host.address)
    case .ipv4(let host): host.address == settings.ipv4Address?.address
    }
  }

  /// The routes to this prefix that the program keeps, and what it means to lose them.
  private func kept(to prefix: IPPrefix) -> [(route: KernelRoute, change: InterfaceChange)] {
    guard guardedPrefixes.contains(prefix) else { return [] }
    let leakGuard = (KernelRoute(guarding: prefix), InterfaceChange.leakGuardLost)
    guard let index, routedPrefixes.contains(prefix) else { return [leakGuard] }
    return [leakGuard, (KernelRoute(to: prefix, through: index), .routeLost)]
  }
}
