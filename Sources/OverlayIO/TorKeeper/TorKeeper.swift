import Glibc
import OverlayCore

/// The process that speaks with Tor's control port, so that whoever takes the daemon over has nothing to say to Tor: it
/// does what the configuration says, which it reads itself, and answers a closed list of requests from the daemon
/// (`TorRequest`). It alone reads the keys of this host's onion services, and keeps new ones.
///
/// The daemon, the helper and this process read the configuration one after the other when they begin. Whoever changes
/// it in that moment has them do different things until it is read again, and gains nothing: none does more than what
/// it read itself.
///
/// Like the helper it is this program, executed anew. It reads nothing that strangers send, and is shut into a room
/// nevertheless: a user without rights, which opens no file, connects to the control port alone, and asks the helper,
/// by a channel and a list of its own, for Tor's cookie and for the files of the configuration and of the keys.
public final class TorKeeper {
  /// The name that it is started by.
  public static let name = "oncilla-tor"
  // The numbers of its ends of the channels to the daemon and to the helper.
  private static let daemon: Int32 = 3
  private static let helper: Int32 = 4
  // Between two times of reading the configuration that could not be read.
  private static let firstPause = Duration.seconds(1)
  private static let longestPause = Duration.seconds(60)

  private let source: ConfigurationSource
  private var running: Configuration
  private let loop: EventLoop
  private let log: Log
  private let desk: TorDesk
  private var channel: EventSource<FileDescriptor>?
  private var timer: TimerSource?
  private var pause = firstPause
  private var complaint: String?

  /// Reads the configuration, and gives up all rights by `shut`; `nil` where there is no control port, or no daemon any
  /// more.
  private init?(
    _ source: ConfigurationSource, shut: (DaemonSettings, _ control: SocketAddress) throws -> Bool
  ) throws {
    running = try source.load()
    let settings = running.settings.daemon
    guard let control = settings.torControl, let loop = EventLoop() else { return nil }
    self.source = source
    self.loop = loop
    log = Log(level: .debug, sink: TorReportSink())
    desk = TorDesk(settings, at: control, on: loop, log: log) { report in
      if !TorKeeper.tell(report) { loop.stop() }
    }
    guard try shut(settings, control) else { return nil }
    timer = try TimerSource(on: loop) { [unowned self] in if complaint != nil { readAgain() } }
    // What fails before this is told on it.
    let channel = EventSource(FileDescriptor(owning: TorKeeper.daemon), on: loop)
    channel.handle(.readable) { [unowned self] in answer() }
    channel.start(.readable)
    self.channel = channel
  }

  /// Does what it is for until the daemon ends; the exit status.
  public static func run(_ source: ConfigurationSource) -> Int32 {
    SystemCall.ignoreEndings()
    SystemCall.setProcessName(name)
    let parent = SystemCall.parent
    return serve(source) { settings, control in
      let account = try RoomLock.account(settings.user)
      SystemCall.use(RoomChannel(owning: FileDescriptor(owning: helper)))
      // The daemon tells what the kernel lacks, in one notice.
      _ = try RoomLock.shut(
        as: account, connectingTo: [control.port].compactMap(\.self), making: .torKeeper, endsWithParent: true)
      // It may have ended before the kernel was told.
      return SystemCall.parent == parent
    }
  }

  /// The same, in a thread of a test; `shut` gives up its rights, and tells whether there is a daemon still.
  static func serve(
    _ source: ConfigurationSource, shut: (DaemonSettings, _ control: SocketAddress) throws -> Bool
  ) -> Int32 {
    do {
      guard let keeper = try TorKeeper(source, shut: shut) else { return 1 }
      withExtendedLifetime(keeper) { keeper.work() }
      return 0
    } catch {
      fail(error)
      return 1
    }
  }

  private func work() {
    do { try desk.start() } catch { TorKeeper.fail(error) }
    loop.run()
  }

  private static func fail(_ error: any Error) {
    _ = tell(.failed("\(error)", isDenied: (error as? any PermissionError)?.isDenied == true))
  }

  /// Tells the daemon, which may have it wait; false if there is none any more.
  fileprivate static func tell(_ report: TorReport) -> Bool {
    let tooLong = TorReport.line(.warning, "what Tor said is too long to be told")
    guard let bytes = report.message.bytes ?? tooLong.message.bytes else { return true }
    return (try? SystemCall.deliver(daemon, bytes)) != nil
  }

  private func answer() {
    let request: TorRequest?
    do throws(SystemError) {
      guard let message = try SystemCall.receive(TorKeeper.daemon, limit: RoomMessage.mostBytes) else { return }
      request = RoomMessage(message.bytes).flatMap { TorRequest($0) }
    } catch {
      // One that cannot be taken now is still there.
      if (try? SystemCall.pause(after: error)) == nil { loop.stop() }
      return
    }
    // Whoever sends what is no request is not the daemon that was started, or is at his end.
    guard let request else { return loop.stop() }
    do {
      if request == .configurationChanged {
        pause = TorKeeper.firstPause
        readAgain()
      } else {
        try desk.take(request)
      }
    } catch {
      TorKeeper.fail(error)
    }
  }

  /// The daemon does already what the configuration says. Where it cannot be read now, as at a shortage or while a file
  /// is removed, that is tried until it can: a key that was taken back is not to open anything for longer.
  private func readAgain() {
    do throws(SettingError) {
      running = ConfigurationChange(from: running, to: try source.load()).running
      complaint = nil
      desk.apply(running.settings.daemon)
    } catch {
      if complaint != "\(error)" {
        log.warning("what the configuration says of Tor stays as it was until it can be read: \(error)")
      }
      complaint = "\(error)"
      timer?.start(after: pause)
      pause = min(pause + pause, TorKeeper.longestPause)
    }
  }
}

/// Has the daemon write lines of the log.
private final class TorReportSink: LogSink {
  func write(_ level: LogLevel, _ line: String) -> Bool { TorKeeper.tell(.line(level, line)) }
}
