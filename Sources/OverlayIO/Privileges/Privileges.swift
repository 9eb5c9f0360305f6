import CLinux
import Glibc
import OverlayCore

/// The one room in which the program uses rights: it opens what needs them once, in the interface's network namespace,
/// and fulfils a closed set of requests. The program itself stays in the namespace it was started in.
public struct Privileges: PrivilegeKeeper, ~Copyable {
  /// How many packets an interface that offloads holds that were not read yet: what waits there, no queue of ours can
  /// put into another order. Bursts need some: of datagrams, and of segments when one acknowledgement answers for a
  /// second of a flow that is spread, which lost 234 of them in 256. With 1,024 four flows take a third more of a
  /// processor.
  private static let queueLength = 512

  var settings: InterfaceSettings
  var requests: NetlinkSocket
  // Whether the kernel knows policy rules, as far as it was asked.
  var hasPolicyRules = true
  private var monitoring: NetlinkSocket?
  private var node: FileDescriptor?
  private var protocolSwitch: ProtocolSwitch?
  var connectionMemory: ConnectionMemory?
  private(set) var index: Int32?
  private var isOffloading = false
  private var hardwareAddress: MACAddress?
  private var addresses: [IPv6Address] = []

  /// Whether the interface was made.
  var hasInterface: Bool { index != nil }
  private var interface: String { settings.name.description }

  /// Opens the sockets and the device node in the settings' namespace. Changes nothing in it.
  public init(_ settings: InterfaceSettings) throws(PrivilegeError) {
    let files = try NetworkNamespace.run(in: settings.namespace) { () throws(PrivilegeError) in
      try PrivilegedFiles(groups: InterfaceMonitor.groups(for: settings))
    }
    self.init(settings, files)
  }

  /// Opens what the leak guards of the settings' namespace need, and nothing for an interface.
  public init(guarding settings: InterfaceSettings) throws(PrivilegeError) {
    self.settings = settings
    requests = try NetworkNamespace.run(in: settings.namespace) { () throws(PrivilegeError) in
      try PrivilegedFiles.socket()
    }
  }

  private init(_ settings: InterfaceSettings, _ files: consuming PrivilegedFiles) {
    self.settings = settings
    requests = files.requests
    monitoring = consume files.monitoring
    node = consume files.node
    protocolSwitch = consume files.protocolSwitch
    connectionMemory = consume files.connectionMemory
  }

  /// Fulfils one request.
  public mutating func perform(_ request: PrivilegedRequest) throws(PrivilegeError) -> PrivilegedReply {
    switch request {
    case .installLeakGuard: return .leakGuard(try addLeakGuards())
    case .removeLeakGuards: try dropLeakGuards()
    case .lookForLeakGuards: return .guardedPrefixes(try guardedPrefixes())
    case .lookForSourceAddress: return .missingSourceAddress(try missingSourceAddress())
    case .openTunnel: return .tunnel(try makeTunnel())
    case .openMonitor: return .monitor(try makeMonitor())
    case .configureInterface(let addresses):
      self.addresses = addresses
      try configure(for: request, settingUp: true)
    case .setPrefixes(let routes, let served): return .leakGuard(try setPrefixes(routes: routes, served: served))
    case .restoreInterface: try configure(for: request, settingUp: false)
    case .forgetConnections:
      do throws(SystemError) {
        try connectionMemory?.forget(settings.guardedPrefixes)
      } catch {
        throw explain(error, error.call)
      }
    case .becomeMulticastRouterPort: try becomeMulticastRouterPort()
    }
    return .done
  }

  private mutating func makeTunnel() throws(PrivilegeError) -> TunnelDevice {
    guard let node = node.take() else { throw .outOfOrder(.openTunnel) }
    let framing: TunnelFraming
    do throws(SystemError) {
      let offloads = settings.carriesIPv4 ? TunnelDevice.offloadsBesideIPv4 : TunnelDevice.offloads
      framing = try TunnelDevice.attach(
        node, name: interface, mode: settings.mode, offloads: settings.offload ? offloads : [])
    } catch {
      switch error.number {
      case EBUSY: throw .interfaceExists(interface)
      // The kernel's own rules for a name, should they be stricter than ours.
      case EINVAL: throw .interfaceNameRefused(interface)
      default: throw explain(error, "create interface \(interface)")
      }
    }
    var link = try look(LinkRequest.query(name: interface))
    if settings.hasAddress, link.networkLayer == .disabled { try enableProtocol(on: link) }
    if let random = link.hardwareAddress {
      // A bridge takes the lowest address of its ports for its own, which would change what its hosts know of it.
      try send(LinkRequest.setHardwareAddress(random.highest, index: link.index))
      link = try look(LinkRequest.query(index: link.index))
    }
    index = link.index
    hardwareAddress = link.hardwareAddress
    isOffloading = framing == .offload
    return TunnelDevice(
      attached: node, name: interface, index: link.index, mode: settings.mode, framing: framing,
      hardwareAddress: link.hardwareAddress)
  }

  private mutating func makeMonitor() throws(PrivilegeError) -> InterfaceMonitor {
    guard let socket = monitoring.take() else { throw .outOfOrder(.openMonitor) }
    do throws(SystemError) {
      // What happened before the links are looked at is not news.
      try socket.discardWaiting()
    } catch {
      throw explain(error, "watch interface \(interface)")
    }
    var link: LinkRecord?
    if let index { link = try look(LinkRequest.query(index: index)) }
    let loopback = try look(LinkRequest.query(index: LinkRecord.loopbackIndex))
    return InterfaceMonitor(socket: socket, settings: settings, link: link, loopbackIsUp: loopback.isUp)
  }

  private mutating func configure(for request: PrivilegedRequest, settingUp: Bool) throws(PrivilegeError) {
    guard let index else { throw .outOfOrder(request) }
    let link = try look(LinkRequest.query(index: index))
    // An operator's MTU is kept, unless IPv6 cannot live with it. IPv6 that starts anew on a link that is up makes a
    // link-local address at once; on one that is down there is time to refuse it.
    let startsAnew = link.networkLayer == .absent
    if settings.hasAddress, link.networkLayer == .disabled { try enableProtocol(on: link) }
    if startsAnew { try send(LinkRequest.setUp(false, index: index)) }
    if settingUp || startsAnew { try send(LinkRequest.setMTU(settings.mtu.bytes, index: index)) }
    if settingUp, isOffloading { try send(LinkRequest.setQueueLength(Privileges.queueLength, index: index)) }
    try send(LinkRequest.withoutLinkLocalAddress(index: index))
    if settingUp || startsAnew && link.isUp { try send(LinkRequest.setUp(true, index: index)) }
    guard settings.hasAddress else { return try removeLinkLocalAddresses(from: index) }
    // The kernel sends the neighbour solicitations of packets that it forwards from here, and nothing without it.
    if let hardwareAddress {
      try send(AddressRecord.addition(hardwareAddress.linkLocalAddress, prefixLength: 64, interface: index))
    }
    for (number, address) in addresses.enumerated() {
      try send(
        AddressRecord.addition(
          address, prefixLength: settings.prefix.length, isPreferred: number == 0, interface: index))
    }
    if let address = settings.ipv4Address { try send(AddressRecord.addition(address, interface: index)) }
    guard settingUp || link.isUp else { return }
    let mtu = settingUp || startsAnew ? settings.mtu.bytes : link.mtu
    try addRoutes(through: index, mtu: mtu)
    try widenPrefixRoute(through: index, mtu: mtu)
  }

  /// Lets IPv6 work on the interface, which is ours, where sysctl disables it everywhere.
  private func enableProtocol(on link: LinkRecord) throws(PrivilegeError) {
    do throws(SystemError) {
      try protocolSwitch?.enable(on: link.name ?? interface)
    } catch {
      throw .protocolDisabled(interface: link.name ?? interface)
    }
    if protocolSwitch == nil { throw .protocolDisabled(interface: link.name ?? interface) }
  }

  /// Takes from an interface without an address what others gave it: the kernel would speak for itself on the bridge.
  private mutating func removeLinkLocalAddresses(from index: Int32) throws(PrivilegeError) {
    let query = AddressRecord.query(interface: index)
    var found: [AddressRecord] = []
    do throws(SystemError) {
      try requests.request(query) { record in
        if let address = AddressRecord(record), address.interface == index { found.append(address) }
      }
    } catch {
      throw explain(error, query.purpose)
    }
    for address in found where settings.isUnwanted(address) {
      do throws(SystemError) {
        try requests.request(address.removal)
      } catch {
        // Whoever gave it may have taken it back.
        if error.number != EADDRNOTAVAIL { throw explain(error, address.removal.purpose) }
      }
    }
  }

  private mutating func becomeMulticastRouterPort() throws(PrivilegeError) {
    guard let index else { throw .outOfOrder(.becomeMulticastRouterPort) }
    guard try look(LinkRequest.query(index: index)).bridge != nil else { return }
    try send(LinkRequest.becomeMulticastRouterPort(index: index))
  }

  mutating func look(_ query: NetlinkMessage) throws(PrivilegeError) -> LinkRecord {
    var link: LinkRecord?
    do throws(SystemError) {
      try requests.request(query) { record in link = LinkRecord(record) ?? link }
    } catch {
      throw explain(error, query.purpose)
    }
    guard let link else { throw .interfaceGone(interface) }
    return link
  }

  private mutating func send(_ message: NetlinkMessage) throws(PrivilegeError) {
    do throws(SystemError) {
      try requests.request(message)
    } catch {
      throw explain(error, message.purpose)
    }
  }

  func explain(_ error: SystemError, _ act: String) -> PrivilegeError {
    switch error.number {
    case EPERM: .notPermitted(capability: "CAP_NET_ADMIN", act: act)
    case ENODEV: .interfaceGone(interface)
    // addrconf.c answers so where disable_ipv6 is set.
    case EACCES: .protocolDisabled(interface: interface)
    case EAFNOSUPPORT, EOPNOTSUPP: .protocolDisabled(interface: nil)
    default: .failed(act: act, error)
    }
  }
}

extension MACAddress {
  /// The address with the first byte that no other of one station exceeds.
  fileprivate var highest: MACAddress { MACAddress(value: value & 0xff_ffff_ffff | 0xfe << 40) }
}
