import Testing

@testable import OverlayIO

/// What clients of the page of metrics ask for.
struct PageRequestTests {
  private func answer(_ pieces: [String]) -> PageRequest.Answer? {
    var request = PageRequest()
    for piece in pieces {
      if let answer = request.take(Array(piece.utf8), path: "/metrics") { return answer }
    }
    return nil
  }

  @Test(
    "The page is for who asks for it by GET, its head for who asks by HEAD, and nothing else is there",
    arguments: [
      ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", .page(hasBody: true)),
      ("GET /metrics HTTP/1.0\n\n", .page(hasBody: true)),
      ("HEAD /metrics?a=b HTTP/1.1\r\n\r\n", .page(hasBody: false)),
      ("GET / HTTP/1.1\r\n\r\n", .failure(404)), ("GET /metrics/ HTTP/1.1\r\n\r\n", .failure(404)),
      ("POST /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\n", .failure(405)),
      ("get /metrics HTTP/1.1\r\n\r\n", .failure(405)), ("GET /metrics\r\n\r\n", .failure(400)),
      ("GET /metrics HTTP/2\r\n\r\n", .failure(400)), ("\r\n\r\n", .failure(400)), (" \n\n", .failure(400)),
      ("\0\u{ff}\n\n", .failure(400)), ("GET /metrics HTTP/1.1\r\n", nil), ("", nil),
      ("GET /metrics HTTP/1.1\r\n\r\r\r\r\r\n", .page(hasBody: true)),
    ] as [(String, PageRequest.Answer?)])
  func answers(text: String, expected: PageRequest.Answer?) {
    #expect(answer([text]) == expected)
    #expect(answer(text.unicodeScalars.map { String($0) }) == expected, "byte by byte")
  }

  @Test("A request that is too long has an answer before it ends")
  func tooLong() {
    let line = "GET /metrics HTTP/1.1\r\nX: "
    let fill = { (count: Int) in String(repeating: "x", count: count - line.utf8.count - 4) + "\r\n\r\n" }
    #expect(answer([line, fill(PageRequest.mostBytes)]) == .page(hasBody: true))
    #expect(answer([line, fill(PageRequest.mostBytes + 1)]) == .page(hasBody: true))
    #expect(answer([line, fill(PageRequest.mostBytes + 2)]) == .failure(431))
    #expect(answer([line, String(repeating: "x", count: 1 << 20)]) == .failure(431))
  }

  @Test("An answer tells its length, and that the connection ends")
  func bytes() {
    let head = "Content-Type: t\r\nContent-Length: 5\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    let text = { (answer: PageRequest.Answer) in
      String(decoding: answer.bytes({ "page\n" }, type: "t"), as: UTF8.self)
    }
    #expect(text(.page(hasBody: true)) == "HTTP/1.1 200 OK\r\n" + head + "page\n")
    #expect(text(.page(hasBody: false)) == "HTTP/1.1 200 OK\r\n" + head)
    #expect(text(.failure(405)).hasPrefix("HTTP/1.1 405 Method Not Allowed\r\n"))
    #expect(text(.failure(405)).contains("\r\nAllow: GET, HEAD\r\n"))
    #expect(text(.failure(404)).hasSuffix("\r\n\r\n404 Not Found\n"))
  }
}
