import Glibc
import OverlayCore

/// The file in which Tor keeps the cookie of its control port. Tor tells where it is.
enum CookieFile {
  /// Why it gives no cookie.
  enum Failure: Error, Equatable, CustomStringConvertible {
    /// It cannot be opened or read.
    case system(SystemError)
    /// It is not a plain file of 32 bytes.
    case form(String)
    /// It belongs to somebody who is no system account.
    case owner(String)

    /// What was wrong and what helps, for the operator.
    var description: String {
      switch self {
      case .system(let error): TorControlAdvice.text(of: error)
      case .form(let path): "\(path), where Tor says that its cookie is, is no file of \(size) bytes"
      case .owner(let path):
        "\(path), where Tor says that its cookie is, belongs to an ordinary user: whoever listens there may not be "
          + "Tor; unix:PATH is accepted"
      }
    }
  }

  private static let size = 32
  /// The first user that is no system account, by Debian's policy.
  private static let firstOrdinaryUser: uid_t = 1000

  /// Reads the cookie. Where anybody of this host could listen in Tor's stead and name a file of their own,
  /// `isSystems` refuses those of ordinary users.
  static func read(_ path: String, isSystems: Bool) throws(Failure) -> [UInt8] {
    guard path.hasPrefix("/"), !path.utf8.contains(0) else { throw .form(path) }
    let isOrdinary: Bool
    do throws(SystemError) {
      let file = try SystemCall.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
      let status = try SystemCall.status(file.number)
      isOrdinary = status.st_uid >= firstOrdinaryUser
      if status.st_mode & S_IFMT == S_IFREG, status.st_size == size, !(isSystems && isOrdinary) {
        let cookie = try content(of: file, path: path, limit: size)
        if cookie.count == size { return cookie }
      }
    } catch {
      throw .system(error)
    }
    throw isSystems && isOrdinary ? .owner(path) : .form(path)
  }
}

/// What helps where Tor's control port or its cookie cannot be opened.
enum TorControlAdvice {
  /// The error, and what to do about it.
  static func text(of error: SystemError) -> String {
    guard error.number == EACCES else { return "\(error)" }
    return
      "\(error): 'usermod -aG debian-tor USER' lets the daemon's user in, or SupplementaryGroups=debian-tor in its "
      + "unit"
  }
}
