import Glibc
import OverlayCore

/// A question whether a server speaks SOCKS as Tor does. It waits for the answer.
enum SOCKSProbe {
  /// What the server did.
  enum Answer: Equatable {
    /// It takes a user name by SOCKS5, as Tor does.
    case socks
    /// It speaks SOCKS5 and takes no user name: it is not Tor.
    case withoutUser
    /// The first byte that it sent is not of SOCKS.
    case other(UInt8)
    /// It took the connection and sent nothing.
    case silence
    /// It closed the connection without a word.
    case closed
    /// There is no connection.
    case failed(SystemError)
  }

  /// Asks the server at `address`, which has so many milliseconds for each step.
  static func ask(_ address: SocketAddress, patience: Int32 = 2_000) -> Answer {
    do throws(SystemError) {
      let socket = try StreamSocket.connected(to: address, milliseconds: patience)
      let number = socket.descriptor
      // RFC 1928, section 3, and RFC 1929: a user name is offered, and nothing else.
      try SystemCall.writeAll(number, [5, 1, 2], "write to \(address)")
      var reply = [UInt8](repeating: 0, count: 2)
      var count = 0
      while count < reply.count {
        guard try SystemCall.wait(for: POLLIN, of: number, milliseconds: patience) else { return .silence }
        switch reply.withUnsafeMutableBytes({ socket.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[count...])) }
        ) {
        case .bytes(let more): count += more
        case .nothing: continue
        case .end: return count == 0 ? .closed : .other(reply[0])
        case .failed(let error): return error.number == ECONNRESET ? .closed : .failed(error)
        }
        if reply[0] != 5 { return .other(reply[0]) }
      }
      return reply[1] == 2 ? .socks : reply[1] == 0xff ? .withoutUser : .other(reply[1])
    } catch {
      return .failed(error)
    }
  }
}

extension Examination {
  /// Whether Tor answers at the port at which it is asked for circuits.
  func socksPort() -> Check.Finding {
    guard let address = settings?.socks else { return .skipped(noConfiguration) }
    let isTCP = address.port != nil
    let better = SocketAddress.unix(paths(SocketAddress.torSocketPath))
    let finding = socksPort(
      address, SOCKSProbe.ask(address), hasSocket: isTCP && SOCKSProbe.ask(better) == .socks)
    guard case .ok = finding, let used = running.socks, used != address else { return finding }
    return .note(
      "the daemon asks for circuits at \(used), and would at \(address)", remedy: "a restart changes that")
  }

  /// The same for an answer of the server there. `hasSocket` says that Debian's Tor answers at its UNIX socket.
  func socksPort(_ address: SocketAddress, _ answer: SOCKSProbe.Answer, hasSocket: Bool = false) -> Check.Finding {
    let remedy = "--socks names Tor's, which SocksPort in /etc/tor/torrc sets"
    switch answer {
    case .socks where address.port != nil && address.isLoopback:
      return .note(
        "a SOCKS server answers at \(address), and over TCP one download hardly gets more than the speed of one circuit",
        remedy: hasSocket
          ? "'socks = \(SocketAddress.torSocket)' asks Debian's Tor there"
          : "'SocksPort unix:PATH WorldWritable' in torrc, beside the lines for the ports that it has, gives Tor a UNIX "
            + "socket, and 'socks = unix:PATH' asks there")
    case .socks: return .ok("a SOCKS server answers at \(address)")
    case .withoutUser:
      return .wrong(
        "\(address) is answered by a SOCKS server that takes no user name, which is not Tor", remedy: remedy)
    case .other(UInt8(ascii: "H")):
      return .wrong("\(address) is answered by a web server, which is no SOCKS server", remedy: remedy)
    case .other, .closed:
      return .wrong("\(address) is answered by something that is no SOCKS server", remedy: remedy)
    case .silence:
      return .wrong("\(address) takes connections and does not answer as a SOCKS server does", remedy: remedy)
    case .failed(let error) where error.number == ECONNREFUSED || error.number == ENOENT:
      return .wrong("nobody listens at \(address)", remedy: "'systemctl enable --now tor' starts Tor; \(remedy)")
    case .failed(let error) where error.isDenied && !isRoot: return .skipped("only root can tell: \(error)")
    case .failed(let error): return .wrong("\(error)", remedy: remedy)
    }
  }
}
