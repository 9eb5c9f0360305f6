import Glibc
import OverlayCore

/// Tells the service manager that started the daemon how it is (sd_notify(3)): that it is ready, in one sentence what
/// it does, and that its loop still turns.
///
/// What is told is always the whole present state, so that a message that found the manager's queue full is made good
/// by the next one. The manager is never waited for.
final class ServiceNotifier {
  private enum Phase { case starting, ready, reloading, stopping }

  /// How long a start may take where it depends on others, such as Tor, who has to tell this host's name. After that
  /// the manager goes on, a boot or the upgrade of a package with it, and the sentence says what is waited for.
  static let patience = Duration.seconds(10)
  private static let retry = Duration.milliseconds(100)
  private static let longestSentence = 512

  private let socket: FileDescriptor
  private let address: [UInt8]
  // Whether the socket knows the manager's: a daemon that has given up its rights may not find that by name any more.
  private let isConnected: Bool
  private let loop: EventLoop
  private let log: Log
  private let watchdogInterval: Duration?
  private var timer: TimerSource?
  private var patienceTimer: TimerSource?
  private var phase = Phase.starting
  private var sentence = ""
  private var isTold = true
  private var hasComplained = false

  /// Makes a notifier for the manager that `invitation` names; `nil` if it names none.
  init?(_ invitation: ServiceInvitation, on loop: EventLoop, log: Log, patience: Duration = patience) {
    guard let address = invitation.address else { return nil }
    do throws(SystemError) {
      socket = try SystemCall.socket(AF_UNIX, SOCK_DGRAM)
      isConnected = ServiceNotifier.connect(socket.number, to: address)
      self.address = address
      self.loop = loop
      self.log = log
      watchdogInterval = invitation.watchdogInterval
      timer = try TimerSource(on: loop) { [unowned self] in tick() }
      patienceTimer = try TimerSource(on: loop) { [unowned self] in ready() }
    } catch {
      log.warning("the service manager is told nothing: \(error)")
      return nil
    }
    patienceTimer?.start(after: patience)
    tick()
  }

  /// The daemon does its work.
  func ready() {
    patienceTimer = nil
    guard phase == .starting else { return }
    phase = .ready
    tell()
  }

  /// The daemon reads its configuration again, until it has `reloaded`. One that was not ready yet goes on starting.
  func reloading() {
    guard phase == .ready else { return }
    phase = .reloading
    tell()
  }

  /// The daemon goes on after `reloading`.
  func reloaded() {
    guard phase == .reloading else { return }
    phase = .ready
    tell()
  }

  /// The daemon ends, because of `reason` if something is wrong.
  func stopping(because reason: String? = nil) {
    guard phase != .stopping else { return }
    phase = .stopping
    sentence = reason ?? "stopping"
    tell()
  }

  /// What the daemon does, in a sentence.
  func say(_ sentence: String) {
    guard phase != .stopping, sentence != self.sentence else { return }
    self.sentence = sentence
    tell()
  }

  private static func connect(_ socket: Int32, to address: [UInt8]) -> Bool {
    let isConnected = try? SystemCall.lend(unixName: address) { pointer, size throws(SystemError) in
      try SystemCall.connect(socket, to: pointer, size, "connect to the service manager")
    }
    return isConnected == true
  }

  /// Whether the message was taken; `nil` if the socket that the manager had is gone.
  private func sendConnected(_ message: String) throws(SystemError) -> Bool? {
    do throws(SystemError) {
      return try SystemCall.send(socket.number, Array(message.utf8)[...]) != nil
    } catch {
      if error.number == ECONNREFUSED { return nil }
      throw error
    }
  }

  private func tick() {
    if watchdogInterval != nil { _ = send("WATCHDOG=1") }
    if !isTold { tell() }
    wait()
  }

  private func wait() {
    if !isTold {
      timer?.start(after: ServiceNotifier.retry)
    } else if let watchdogInterval {
      timer?.start(after: watchdogInterval)
    }
  }

  private func tell() {
    var lines: [String]
    switch phase {
    case .starting: lines = []
    case .ready: lines = ["READY=1"]
    case .reloading:
      lines = ["RELOADING=1", "MONOTONIC_USEC=\(loop.now.nanoseconds / 1_000)"]
    case .stopping: lines = ["STOPPING=1"]
    }
    if !sentence.isEmpty { lines.append("STATUS=\(sentence.singleLine.cut(toBytes: ServiceNotifier.longestSentence))") }
    isTold = lines.isEmpty || send(lines.joined(separator: "\n"))
    if !isTold { wait() }
  }

  /// Whether the message needs no second attempt.
  private func send(_ message: String) -> Bool {
    do throws(SystemError) {
      if isConnected, let isTaken = try sendConnected(message) { return isTaken }
      return try SystemCall.send(socket.number, Array(message.utf8), to: address, "tell the service manager")
    } catch {
      // A manager that is never told that the daemon is ready ends it.
      if error.isShortage { return false }
      if !hasComplained { log.warning("\(error)") }
      hasComplained = true
      return true
    }
  }
}
