import Glibc
import OverlayCore

/// The reason why there is no control socket.
enum ControlSocketError: PermissionError {
  /// Another daemon listens there: perhaps the process with this number.
  case inUse(String, process: Int32?)
  /// Something stands there that is no socket.
  case noSocket(String)
  /// A call failed.
  case system(SystemError)

  /// Whether this user lacks a right.
  var isDenied: Bool { if case .system(let error) = self { error.isDenied } else { false } }

  /// A description for the operator, with what is accepted.
  var description: String {
    switch self {
    case .inUse(let path, let process):
      "\(path) is a socket of another oncilla that runs\(process.map { " (process \($0))" } ?? ""): give one of both "
        + "another path, by --control or --dns"
    case .noSocket(let path): "\(path) is there and no socket: a path where nothing else stands is accepted"
    case .system(let error): "\(error)"
    }
  }
}

/// The control socket as a file: made for its owner and the group of the operators, in place of one that a daemon left
/// behind, and removed at its end.
final class ControlSocket {
  /// The group whose members may use the socket, if there is such a group.
  static let group = "oncilla"
  /// Who may use a socket. To connect, a user has to be permitted to write.
  enum Users {
    /// Its owner and the group of the operators.
    case operators
    /// Every user of this host.
    case everybody

    fileprivate var mode: mode_t { self == .operators ? 0o660 : 0o666 }
  }

  private let path: String
  private var listener: Listener?
  // What was made here, to be told from what another made at the same path later.
  private let identity: Identity

  private struct Identity: Equatable {
    let device: dev_t
    let file: ino_t
  }

  /// Makes the socket for these users, with its directories where they are missing. It hands each connection to
  /// `handler`.
  init(
    _ path: String, for users: Users = .operators, on loop: EventLoop, log: Log,
    handler: @escaping (EventSource<StreamSocket>) -> Void
  ) throws(ControlSocketError) {
    self.path = path
    try ControlSocket.clear(path)
    var (isMade, made) = (false, nil as Identity?)
    do throws(SystemError) {
      try ControlSocket.makeDirectories(of: path)
      let socket = try SystemCall.socket(AF_UNIX, SOCK_STREAM)
      let number = socket.number
      try SocketAddress.unix(path).withSocketAddress { pointer, size throws(SystemError) in
        try SystemCall.bind(number, to: pointer, size, "make \(path)")
      }
      isMade = true
      // Whoever owns the directory may have put a link there meanwhile, or another name of somebody else's file.
      let place = try SystemCall.open(path, SystemCall.placeFlag | O_NOFOLLOW)
      let status = try SystemCall.status(place.number)
      guard status.st_mode & S_IFMT == S_IFSOCK else { throw SystemError(call: "chmod \(path)", number: ESTALE) }
      let identity = Identity(device: status.st_dev, file: status.st_ino)
      (made, self.identity) = (identity, identity)
      // Nobody can connect before it listens, and then the mode is right.
      try SystemCall.setMode(ofPlace: place, users.mode, path: path)
      if users == .operators, let group = UserFiles.group(ControlSocket.group) {
        // Without the right to give it away it is the owner's alone.
        try? SystemCall.setGroup(ofPlace: place, group.number, path: path)
      }
      try SystemCall.listen(number, "listen at \(path)")
      listener = try Listener(owning: socket, at: path, on: loop, log: log, handler: handler)
    } catch {
      if isMade { ControlSocket.remove(made, at: path) }
      throw .system(error)
    }
  }

  deinit {
    listener = nil
    ControlSocket.remove(identity, at: path)
  }

  /// Removes the socket that was made, unless another file stands there now, as far as it is known.
  private static func remove(_ identity: Identity?, at path: String) {
    guard let found = (try? SystemCall.look(at: path)) ?? nil, found.st_mode & S_IFMT == S_IFSOCK else { return }
    let isOwn = identity.map { $0 == Identity(device: found.st_dev, file: found.st_ino) } ?? true
    if isOwn { try? SystemCall.remove(path) }
  }

  private static func makeDirectories(of path: String) throws(SystemError) {
    guard let directory = missingDirectory(of: path) else { return }
    // That of an instance is in that of all.
    try makeDirectories(of: directory)
    try SystemCall.makeDirectory(directory, mode: 0o755)
  }

  /// What stands at the path.
  private enum Occupant {
    case nothing
    /// A socket of a daemon that has ended.
    case abandoned
    /// A socket at which this process listens, if it is known.
    case inUse(Int32?)
    case another
  }

  private static func occupant(of path: String) throws(SystemError) -> Occupant {
    guard let found = try SystemCall.look(at: path) else { return .nothing }
    guard found.st_mode & S_IFMT == S_IFSOCK else { return .another }
    let probe = try SystemCall.socket(AF_UNIX, SOCK_STREAM)
    do throws(SystemError) {
      _ = try SocketAddress.unix(path).withSocketAddress { pointer, size throws(SystemError) in
        try SystemCall.connect(probe.number, to: pointer, size, "look for the owner of \(path)")
      }
    } catch {
      switch error.number {
      case ECONNREFUSED: return .abandoned
      // More clients wait than there is room for.
      case EAGAIN: return .inUse(nil)
      default: throw error
      }
    }
    return .inUse((try? SystemCall.peerCredentials(of: probe.number))?.process)
  }

  /// Removes a socket that a daemon left behind.
  private static func clear(_ path: String) throws(ControlSocketError) {
    let occupant: Occupant
    do throws(SystemError) {
      occupant = try self.occupant(of: path)
      if case .abandoned = occupant { try SystemCall.remove(path) }
    } catch {
      throw .system(error)
    }
    switch occupant {
    case .nothing, .abandoned: break
    case .inUse(let process): throw .inUse(path, process: process)
    case .another: throw .noSocket(path)
    }
  }
}
