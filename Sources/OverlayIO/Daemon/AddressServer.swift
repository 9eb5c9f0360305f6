import OverlayCore

/// Runs the address service of a TAP interface: hands it what hosts ask for, sends what it says, and keeps its leases.
final class AddressServer {
  private let loop: EventLoop
  private let port: DevicePort
  private let leaseWriter: StateWriter
  private var service: AddressService
  private var timer: TimerSource?

  /// A server that goes on with the leases that `state` keeps.
  init(
    _ settings: AddressServiceSettings, at port: DevicePort, keepingIn state: StateDirectory, on loop: EventLoop,
    log: Log
  ) throws(SystemError) {
    self.loop = loop
    self.port = port
    let file = LeaseFile(parsing: Array(state.leases().utf8))
    for line in file.problems.report(of: "the lease file") { log.warning(line) }
    leaseWriter = try state.leaseWriter(on: loop)
    service = AddressService(settings, leases: file.leases, at: loop.now, wallClock: AddressServer.wallClock)
    timer = try TimerSource(on: loop) { [unowned self] in advance() }
    schedule()
  }

  /// The counters, on a line.
  var report: String { "address service: \(service.leases.count) leases, counters: \(service.counters.summary)" }

  /// Takes what a host of the link asks for.
  func answer(_ packet: UnsafeRawBufferPointer, from station: MACAddress, at now: Instant) {
    let answer = service.answer(packet, from: station, at: now, wallClock: AddressServer.wallClock)
    if service.takeLeasesChanged() { leaseWriter.keep(LeaseFile.text(of: service.leases)) }
    if let answer { send(answer.packet, to: answer.to, at: now) }
    schedule()
  }

  /// The link carries packets of so many bytes from now on.
  func mtuChanged(to bytes: Int) {
    let now = loop.now
    service.mtuChanged(to: bytes, at: now)
    schedule()
  }

  private func advance() {
    let now = loop.now
    while let message = service.advance(to: now) { send(message.packet, to: message.to, at: now) }
    schedule()
  }

  private func send(_ packet: [UInt8], to station: MACAddress, at now: Instant) {
    packet.withUnsafeBytes { port.device.send($0, to: station) }
  }

  private func schedule() {
    timer?.start(at: service.nextDeadline)
  }

  private static var wallClock: Int64 { Int64(SystemCall.calendarTime.tv_sec) }
}
