/// What a client of the page of metrics asks for. Only as much of HTTP (RFC 9112) is read as it takes to answer, and
/// the client's bytes are a stranger's.
struct PageRequest: Equatable {
  /// What to answer.
  enum Answer: Equatable {
    /// The page; its head alone if `hasBody` is false.
    case page(hasBody: Bool)
    /// This status of HTTP.
    case failure(Int)
  }

  /// The greatest number of bytes of a request.
  static let mostBytes = 8 << 10

  private var bytes: [UInt8] = []
  // The line ends behind which nothing has come yet.
  private var ends = 0

  /// Takes more bytes. It returns the answer once the request is whole, or too long; `nil` before that.
  mutating func take(_ more: some Collection<UInt8>, path: String) -> Answer? {
    let taken = more.prefix(PageRequest.mostBytes + 1 - bytes.count)
    bytes += taken
    if hasEnd(taken) { return answer(path: path) }
    return bytes.count > PageRequest.mostBytes ? .failure(431) : nil
  }

  /// Whether an empty line has come with these bytes.
  private mutating func hasEnd(_ more: some Collection<UInt8>) -> Bool {
    for byte in more {
      switch byte {
      case UInt8(ascii: "\n"):
        ends += 1
        if ends == 2 { return true }
      case UInt8(ascii: "\r"): break
      default: ends = 0
      }
    }
    return false
  }

  private func answer(path: String) -> Answer {
    let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard words.count == 3, words[2].starts(with: "HTTP/1.".utf8) else { return .failure(400) }
    let isHead = words[0].elementsEqual("HEAD".utf8)
    guard isHead || words[0].elementsEqual("GET".utf8) else { return .failure(405) }
    guard words[1].prefix(while: { $0 != UInt8(ascii: "?") }).elementsEqual(path.utf8) else { return .failure(404) }
    return .page(hasBody: !isHead)
  }
}

extension PageRequest.Answer {
  /// The bytes of the answer. `page` makes the page, of this media type.
  func bytes(_ page: () -> String, type: String) -> [UInt8] {
    var (status, type, text, hasBody) = ("200 OK", type, "", true)
    switch self {
    case .page(let isWhole):
      text = page()
      hasBody = isWhole
    case .failure(let code):
      status = PageRequest.Answer.status(code)
      type = "text/plain"
      text = status + "\n"
    }
    var head = "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(text.utf8.count)\r\n"
    if case .failure(405) = self { head += "Allow: GET, HEAD\r\n" }
    head += "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    return Array(head.utf8) + (hasBody ? Array(text.utf8) : [])
  }

  private static func status(_ code: Int) -> String {
    switch code {
    case 404: "404 Not Found"
    case 405: "405 Method Not Allowed"
    case 431: "431 Request Header Fields Too Large"
    case 503: "503 Service Unavailable"
    default: "400 Bad Request"
    }
  }
}
