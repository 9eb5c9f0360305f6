import Glibc
import OverlayCore

/// A question to Tor's control port how far Tor is. It waits for the answer.
enum TorQuestion {
  /// What came of it.
  enum Answer: Equatable {
    /// Tor said how far it is, its version, and what it complains about.
    case told(TorBootstrap, version: String?, problem: String?)
    /// Tor did not say, for this reason.
    case failed(String)
  }

  /// Asks Tor at this control port, which has this time.
  static func ask(_ address: SocketAddress, patience: OverlayCore.Duration = .seconds(5)) -> Answer {
    let deadline = SystemCall.now + patience
    do throws(SystemError) {
      let milliseconds = Int32(clamping: patience.wholeMicroseconds / 1_000)
      let socket = try StreamSocket.connected(to: address, milliseconds: milliseconds)
      return try converse(socket, address, until: deadline)
    } catch {
      if error.number == ETIMEDOUT { return .failed("it does not answer") }
      return .failed(TorControlAdvice.text(of: error))
    }
  }

  private static func converse(
    _ socket: borrowing StreamSocket, _ address: SocketAddress, until deadline: Instant
  ) throws(SystemError) -> Answer {
    var generator = SystemRandomNumberGenerator()
    let nonce = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    var session = TorControlSession(services: [], isTrusted: address.isPath, nonce: nonce, at: SystemCall.now)
    var buffer = [UInt8](repeating: 0, count: 4096)
    var (version, problem): (String?, String?)
    while true {
      while let action = session.nextAction() {
        switch action {
        case .send(let bytes): try SystemCall.writeAll(socket.descriptor, bytes, "write to \(address)")
        case .readCookie(let path):
          do throws(CookieFile.Failure) {
            session.take(cookie: try CookieFile.read(path, isSystems: !address.isPath), at: SystemCall.now)
          } catch {
            return .failed("\(error)")
          }
        case .tell(.admitted(let told, _)): version = told
        case .tell(.problem(let text)): problem = text
        case .tell(.bootstrap(let bootstrap)): return .told(bootstrap, version: version, problem: problem)
        case .tell: break
        case .close(let error): return .failed("\(error)")
        }
      }
      guard try SystemCall.wait(for: POLLIN, of: socket.descriptor, until: deadline) else {
        return .failed("it does not answer")
      }
      switch buffer.withUnsafeMutableBytes({ socket.read(into: $0) }) {
      case .bytes(let count): session.receive(Array(buffer[..<count]), at: SystemCall.now)
      case .nothing: break
      case .end: return .failed("it closed the connection")
      case .failed(let error): throw error
      }
    }
  }
}

extension Examination {
  /// How far Tor is with its start.
  func torBootstrap() -> Check.Finding {
    guard let settings else { return .skipped(noConfiguration) }
    guard let address = settings.torControl else {
      if running.state?.word == "ready" { return .ok("Tor builds circuits") }
      return .note(
        "how far Tor is with its start is not known without its control port",
        remedy: "'journalctl -u tor@default' tells, and so does tor-control = unix:/run/tor/control")
    }
    if case .unix(let path) = address, user.isKnown, let obstacle = user.obstacle(paths(path), R_OK | W_OK) {
      if obstacle.number == ENOENT {
        return .wrong(
          "there is no \(path)", remedy: "'systemctl enable --now tor' starts Tor; --tor-control names its port")
      }
      return .wrong(
        "\(user.name), as which the daemon runs, cannot use Tor's control port: \(obstacle)",
        remedy: unit.isInstalled
          ? "'systemctl edit \(unit.name)' takes [Service] SupplementaryGroups=debian-tor, which lets it in"
          : "'usermod -aG debian-tor \(user.name)' lets it in, from its next start on")
    }
    // The cookie is for the members of a group, too.
    let answer = user.isKnown ? user.acting { TorQuestion.ask(address) } : TorQuestion.ask(address)
    if case .failed(let reason) = answer, !user.isKnown {
      return .skipped("only root can ask Tor as \(user.name) does: \(address): \(reason)")
    }
    return torBootstrap(address, answer)
  }

  /// The same for an answer of Tor.
  func torBootstrap(_ address: SocketAddress, _ answer: TorQuestion.Answer) -> Check.Finding {
    let tail = { (problem: String?) in problem.map { ", and says: \($0)" } ?? "" }
    switch answer {
    case .told(.up, let version, _): return .ok("Tor\(version.map { " \($0)" } ?? "") has started")
    case .told(.starting(let percent, let summary), _, let problem):
      return .wrong(
        "Tor is starting (\(percent) %): \(summary)\(tail(problem))",
        remedy: "wait; if it stays there, look at the clock and the network ('journalctl -u tor@default')")
    case .told(.unknown, _, let problem):
      return .note("Tor does not say how far it is\(tail(problem))", remedy: "'journalctl -u tor@default' tells")
    case .failed(let reason):
      return .wrong(
        "\(address): \(reason)", remedy: "--tor-control names Tor's control port, as ControlPort in torrc sets it")
    }
  }
}
