import Glibc
import OverlayCore

/// Why a `hostname` file gives no name.
public enum HostnameFileError: PermissionError, Equatable {
  /// It is not there.
  case missing(String)
  /// It is there and holds nothing.
  case empty(String)
  /// It cannot be read.
  case unreadable(SystemError)
  /// It holds more than one line.
  case lines(String)
  /// Its line is no onion name.
  case invalid(String, OnionNameError)

  /// Whether Tor may still be about to write it, or this host able to read it soon.
  public var mayResolve: Bool {
    switch self {
    case .missing, .empty: true
    case .unreadable(let error): error.isShortage
    case .lines, .invalid: false
    }
  }

  /// Whether this user lacks a right.
  public var isDenied: Bool { if case .unreadable(let error) = self { error.isDenied } else { false } }

  /// What was wrong, for the operator.
  public var description: String {
    switch self {
    case .missing(let path): "\(path) does not exist"
    case .empty(let path): "\(path) is empty"
    case .unreadable(let error): "\(error)"
    case .lines(let path): "\(path) holds more than one line; one onion name is accepted, as Tor writes it"
    case .invalid(let path, let error): "\(path) does not hold a name that is accepted: \(error)"
    }
  }
}

/// The file in which Tor writes the name of an onion service: `HiddenServiceDir/hostname`, one line.
public enum HostnameFile {
  /// The name that the file at `path` holds, where the port of all peers is `servicePort`.
  public static func read(
    _ path: String, servicePort: UInt16 = OverlayNetwork.servicePort
  ) throws(HostnameFileError) -> OnionName {
    let bytes: [UInt8]
    do {
      bytes = try readFile(path, limit: 4096)
    } catch {
      if error.number == ENOENT { throw .missing(path) }
      throw .unreadable(error)
    }
    let blanks = Set(" \t\r\n".utf8)
    let lines = bytes.split(separator: UInt8(ascii: "\n")).filter { !$0.allSatisfy(blanks.contains) }
    guard let line = lines.first else { throw .empty(path) }
    guard lines.count == 1 else { throw .lines(path) }
    let start = line.drop { blanks.contains($0) }
    let end = start.lastIndex { !blanks.contains($0) } ?? start.startIndex
    do {
      return try OnionName(pasted: String(decoding: start[...end], as: UTF8.self), servicePort: servicePort)
    } catch {
      throw .invalid(path, error)
    }
  }
}
