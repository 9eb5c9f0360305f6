import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

/// Hooks as real scripts. No test needs root.
@Suite(.hangLimit)
struct HookRunnerTests {
  private final class Lines: LogSink {
    var all: [String] = []
    func write(_ level: LogLevel, _ line: String) -> Bool {
      all.append(line)
      return true
    }
  }

  private let loop: EventLoop
  private let lines = Lines()
  private let directory: TemporaryDirectory
  private let place: HookOccasion.Place
  private let bob: ConfiguredPeer
  private let carol: ConfiguredPeer

  init() throws {
    loop = try #require(EventLoop())
    directory = try TemporaryDirectory()
    place = HookOccasion.Place(interface: "onc0", namespace: nil, name: try OnionName("7fd22jhmqgfl45j6"))
    bob = ConfiguredPeer(name: try OnionName("wq52ql3uxgcxqjon"), petname: Petname("bob"))
    carol = ConfiguredPeer(
      name: try OnionName("657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd"), petname: nil)
  }

  private func script(_ name: String, _ body: String) throws -> Hook {
    try directory.write(name, "#!/bin/sh\n" + body + "\n")
    try setMode(0o700, of: directory.file(name))
    return Hook(.peerUp, directory.file(name))
  }

  private func runner(_ hooks: [Hook], limit: OverlayCore.Duration = .seconds(30)) -> HookRunner {
    HookRunner(hooks, on: loop, log: Log(level: .info, sink: lines), limit: limit)
  }

  private func occasion(_ event: HookEvent, _ peer: ConfiguredPeer? = nil) -> HookOccasion {
    HookOccasion(event: event, place: place, peer: peer)
  }

  private final class Poll {
    var timer: TimerSource?
  }

  /// Runs the loop, once in a test, until the runner is idle, or `condition` holds.
  private func wait(for runner: HookRunner, until condition: @escaping () -> Bool = { false }) throws {
    let poll = Poll()
    let end = loop.now + .seconds(30)
    poll.timer = try TimerSource(on: loop) { [loop, unowned poll] in
      if runner.isIdle || condition() || loop.now > end { return loop.stop() }
      poll.timer?.start(after: .milliseconds(5))
    }
    poll.timer?.start(after: .zero)
    loop.run()
  }

  @Test("A hook gets the variables of its event and no others, and its output is in the log")
  func environment() throws {
    setenv("ONCILLA_TEST_SECRET", "1", 1)
    defer { unsetenv("ONCILLA_TEST_SECRET") }
    let runner = self.runner([try script("show", "env | sort | grep -v -e ^PWD= -e ^SHLVL= -e ^_=; echo wrong >&2")])
    runner.run(occasion(.peerUp, bob))
    try wait(for: runner)
    let prefix = "hook peer-up (\(directory.file("show"))): "
    let shown = lines.all.map { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : $0 }
    #expect(Set(shown) == Set(occasion(.peerUp, bob).environment + ["wrong"]))
    #expect(shown.contains("ONCILLA_PEER=bob"))
    #expect(shown.contains("ONCILLA_PEER_NAME=wq52ql3uxgcxqjon.onion"))
    #expect(shown.contains("OCAT_PREFIX=fd87:d87e:eb43::"))
    #expect(shown.contains("OCAT_ONION_URL=7fd22jhmqgfl45j6"))
    #expect(runner.counts == HookRunner.Counts(succeeded: 1))
  }

  @Test("A hook has no descriptor but the first three, and reads nothing")
  func descriptors() throws {
    let leaked = open("/dev/null", O_RDONLY)
    defer { close(leaked) }
    let runner = self.runner([try script("open", "read -r line && echo got it; ls /proc/self/fd | tr '\\n' ' '")])
    runner.run(occasion(.peerUp, bob))
    try wait(for: runner)
    // The fourth is the directory that ls reads.
    #expect(lines.all.map { $0.split(separator: ":").last ?? "" } == [" 0 1 2 3 "])
  }

  @Test("A hook that takes too long is killed, and who it began with it")
  func tooLong() throws {
    let runner = self.runner([try script("hang", "sleep 1000 & echo $!; wait")], limit: .milliseconds(300))
    runner.run(occasion(.peerUp, bob))
    try wait(for: runner)
    #expect(runner.counts == HookRunner.Counts(killed: 1))
    #expect(lines.all.last?.contains("was killed: it took longer than") == true)
    let sleeper = try #require(Int32(lines.all.first?.split(separator: " ").last ?? ""))
    // It becomes a zombie of somebody else's at the most.
    var isGone = false
    for _ in 0..<200 where !isGone {
      let state = (try? readFile("/proc/\(sleeper)/stat")).map { String(decoding: $0, as: UTF8.self) }
      isGone = state.map { $0.contains(") Z ") } ?? true
      if !isGone { usleep(10_000) }
    }
    #expect(isGone)
  }

  @Test(
    "Its end is told unless it is a success",
    arguments: [("exit 3", "failed with exit status 3"), ("kill -9 $$", "was ended by signal 9")])
  func failures(body: String, told: String) throws {
    let runner = self.runner([try script("fail", body)])
    runner.run(occasion(.peerUp, bob))
    try wait(for: runner)
    #expect(runner.counts == HookRunner.Counts(failed: 1))
    #expect(lines.all == ["hook peer-up (\(directory.file("fail"))) \(told)"])
  }

  @Test("One that is gone is told, and the others run")
  func missing() throws {
    let runner = self.runner([Hook(.peerUp, directory.file("gone")), try script("there", "echo here")])
    runner.run(occasion(.peerUp, bob))
    try wait(for: runner)
    #expect(lines.all.first == "hook peer-up (\(directory.file("gone"))) does not run: No such file or directory")
    #expect(runner.counts == HookRunner.Counts(succeeded: 1, failed: 1))
  }

  @Test("One that writes without an end is read up to a bound, and ends")
  func flood() throws {
    let runner = self.runner([try script("flood", "exec yes")])
    runner.run(occasion(.peerUp, bob))
    try wait(for: runner)
    #expect(runner.counts == HookRunner.Counts(failed: 1))
    #expect(lines.all.count == HookOutput.mostLines + 2)
  }

  @Test("Those for a peer run one after the other, and those for another peer beside them")
  func order() throws {
    let log = directory.file("log")
    let slow = try script("slow", "echo begin $ONCILLA_PEER >> \(log); sleep 0.3; echo end $ONCILLA_PEER >> \(log)")
    let runner = self.runner([slow])
    runner.run(occasion(.peerUp, bob))
    runner.run(occasion(.peerUp, bob))
    runner.run(occasion(.peerUp, carol))
    try wait(for: runner)
    let all = try directory.read("log").split(separator: "\n")
    #expect(all.filter { $0.hasSuffix("bob") } == ["begin bob", "end bob", "begin bob", "end bob"])
    #expect(try #require(all.firstIndex(of: "begin \(carol.name.address)")) < #require(all.firstIndex(of: "end bob")))
  }

  @Test("Too many that wait are dropped, the oldest first, which is told once")
  func tooMany() throws {
    let runner = self.runner([try script("wait", "sleep 1000")])
    for _ in 0..<100 { runner.run(occasion(.peerUp, bob)) }
    #expect(runner.counts.dropped == UInt64(100 - 1 - HookRunner.mostWaiting))
    #expect(lines.all.count == 1)
  }

  @Test("The last ones are waited for, and those of peers that wait do not run any more")
  func last() throws {
    let down = Hook(.down, try script("down", "sleep 0.1; echo down").path)
    let runner = self.runner([try script("peer", "sleep 1000"), down])
    for _ in 0..<3 { runner.run(occasion(.peerUp, bob)) }
    var isDone = false
    runner.runLast(occasion(.down)) { isDone = true }
    #expect(!isDone)
    try wait(for: runner, until: { isDone })
    #expect(lines.all == ["hook down (\(directory.file("down"))): down"])
    #expect(runner.counts == HookRunner.Counts(succeeded: 1))
  }

  @Test("The last ones are waited for no longer than a hook may run")
  func lastTooLong() throws {
    let runner = self.runner([Hook(.down, try script("down", "sleep 1000").path)], limit: .milliseconds(200))
    var isDone = false
    runner.runLast(occasion(.down)) { isDone = true }
    try wait(for: runner, until: { isDone })
    #expect(isDone)
  }

  @Test("Without a last one nothing is waited for")
  func noLast() throws {
    let runner = self.runner([try script("peer", "sleep 1000")])
    runner.run(occasion(.peerUp, bob))
    var isDone = false
    runner.runLast(occasion(.down)) { isDone = true }
    #expect(isDone)
  }

  @Test("What cannot be run, or be replaced by anybody, is refused")
  func check() throws {
    let hook = try script("good", "true")
    try hook.check()
    try setMode(0o707, of: hook.path)
    #expect(throws: HookError(hook, "everybody may write it: chmod o-w \(hook.path)")) { try hook.check() }
    try setMode(0o770, of: hook.path)
    #expect(throws: HookError(hook, "a group may write it: chmod g-w \(hook.path)")) { try hook.check() }
    try setMode(0o600, of: hook.path)
    #expect(throws: HookError(hook, "it is no program that the daemon may run")) { try hook.check() }
    let folder = Hook(.up, directory.path)
    #expect(throws: HookError(folder, "it is no program that the daemon may run")) { try folder.check() }
    let gone = Hook(.up, directory.file("gone"))
    #expect(throws: HookError(gone, "No such file or directory")) { try gone.check() }
  }

  @Test("A directory in which others may write is one in which they may put another program in a hook's place")
  func checkDirectories() throws {
    let hook = try script("good", "true")
    let (safe, open) = (directory.file("safe"), directory.file("open"))
    for path in [safe, open] { try SystemCall.makeDirectory(path, mode: 0o700) }
    #expect(symlink(hook.path, "\(safe)/hook") == 0 && symlink(hook.path, "\(open)/hook") == 0)
    let (byLink, byOpenLink) = (Hook(.up, "\(safe)/hook"), Hook(.up, "\(open)/hook"))
    try byLink.check()
    for (mode, who) in [(0o770, "a group"), (0o707, "everybody")] as [(mode_t, String)] {
      try setMode(mode, of: open)
      let letter = who == "everybody" ? "o" : "g"
      #expect(throws: HookError(byOpenLink, "\(who) may write \(open): chmod \(letter)-w \(open)")) {
        try byOpenLink.check()
      }
    }
    // Where the link leads to counts, too.
    try setMode(0o770, of: directory.path)
    #expect(throws: HookError.self) { try byLink.check() }
    try setMode(0o1777, of: directory.path)
    try byLink.check()
    try setMode(0o700, of: directory.path)
  }

  @Test("A link that leads to another link passes through a directory, in which others may put another link")
  func checkLinks() throws {
    let hook = try script("good", "true")
    let (safe, open) = (directory.file("safe"), directory.file("open"))
    for path in [safe, open] { try SystemCall.makeDirectory(path, mode: 0o700) }
    #expect(symlink("../good", "\(open)/link") == 0 && symlink("\(open)/./link", "\(safe)/hook") == 0)
    #expect(symlink("safe/../open", directory.file("directory")) == 0)
    #expect(symlink("turn", directory.file("turn")) == 0)
    let byLinks = [Hook(.up, "\(safe)/hook"), Hook(.up, directory.file("directory/link")), hook]
    for hook in byLinks { try hook.check() }
    try setMode(0o770, of: open)
    for hook in byLinks.dropLast() {
      #expect(throws: HookError(hook, "a group may write \(open): chmod g-w \(open)")) { try hook.check() }
    }
    try hook.check()
    #expect(throws: HookError.self) { try Hook(.up, directory.file("turn")).check() }
  }

  @Test(
    "A setting is an event and the whole path of a program",
    arguments: [
      ("up=/bin/true", Hook(.up, "/bin/true")), ("peer-down=/a=b", Hook(.peerDown, "/a=b")), ("up", nil),
      ("up=", nil), ("up=true", nil), ("up=/bin/", nil), ("UP=/bin/true", nil), ("=/bin/true", nil),
    ] as [(String, Hook?)])
  func setting(text: String, hook: Hook?) {
    #expect((try? HookSetting.read(text, after: [])) == hook)
    if let hook { #expect((try? HookSetting.read(text, after: [hook])) == nil) }
  }
}
