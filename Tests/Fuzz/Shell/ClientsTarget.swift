import CLinux

@testable import OverlayCore
@testable import OverlayIO

/// Everything that reads what clients, the other half of the daemon, hooks and the kernel say: none may crash, and
/// pieces are read as the whole is.
enum ClientsTarget {
  static func run(_ input: consuming FuzzInput) {
    Fuzz.events += 1
    switch input.byte() % 7 {
    case 0: json(input.all())
    case 1: control(&input)
    case 2: page(&input)
    case 3: room(input.all())
    case 4: netlink(input.all())
    case 5: events(input.all())
    default: hook(&input)
    }
  }

  private static func json(_ bytes: [UInt8]) {
    guard let value = try? JSONValue(parsing: bytes) else { return }
    check((try? JSONValue(parsing: value.bytes)) == value, "a value is another when it is read again")
    check(!value.bytes.contains(10), "a value is more than a line")
  }

  /// The lines of a client, and what they ask for.
  private static func control(_ input: inout FuzzInput) {
    let size = 1 + input.choice(64)
    let bytes = input.all()
    let whole = lines(of: bytes, inPiecesOf: max(bytes.count, 1))
    check(lines(of: bytes, inPiecesOf: size) == whole, "lines in pieces are others")
    for line in whole {
      do throws(ControlRequest.Refusal) {
        let request = try ControlRequest(line)
        for member in request.arguments.members {
          check(request.command.arguments.contains { $0.name == member.name }, "an argument that no command has")
        }
      } catch {
        let reply = ControlReply.failure(error.error, id: error.id).bytes
        check((try? JSONValue(parsing: reply)) != nil, "a reply is no JSON")
      }
    }
  }

  private static func lines(of bytes: [UInt8], inPiecesOf size: Int) -> [[UInt8]] {
    var splitter = LineSplitter(longest: 200)
    var lines: [[UInt8]] = []
    for start in stride(from: 0, to: bytes.count, by: size) {
      splitter.append(bytes[start..<min(start + size, bytes.count)])
      reading: while true {
        switch splitter.next() {
        case .line(let line): lines.append(Array(line))
        case .incomplete: break reading
        case .tooLong: return lines
        }
      }
    }
    return lines
  }

  private static func page(_ input: inout FuzzInput) {
    let size = 1 + input.choice(64)
    let bytes = input.all()
    let whole = answer(to: bytes, inPiecesOf: max(bytes.count, 1))
    check(answer(to: bytes, inPiecesOf: size) == whole, "a request in pieces is another")
    if let whole { check(!whole.bytes({ "page" }, type: "text/plain").isEmpty, "an answer of nothing") }
  }

  private static func answer(to bytes: [UInt8], inPiecesOf size: Int) -> PageRequest.Answer? {
    var request = PageRequest()
    for start in stride(from: 0, to: bytes.count, by: size) {
      let piece = bytes[start..<min(start + size, bytes.count)]
      if let answer = request.take(piece, path: "/metrics") { return answer }
    }
    return nil
  }

  /// What the daemon, its helper and whoever speaks with Tor for it send each other is what it says, to the last byte.
  private static func room(_ bytes: [UInt8]) {
    guard let message = RoomMessage(bytes) else { return }
    check(message.bytes == bytes, "a message is another when it is written again")
    if let request = RoomRequest(message), let again = request.message.bytes {
      check(RoomMessage(again).flatMap { RoomRequest($0) } == request, "a request is another when it is read again")
    }
    if let request = TorRequest(message), let again = request.message.bytes {
      check(RoomMessage(again).flatMap { TorRequest($0) } == request, "a request is another when it is read again")
    }
    if let report = TorReport(message), let again = report.message.bytes {
      check(RoomMessage(again).flatMap { TorReport($0) } == report, "a report is another when it is read again")
    }
    if let reply = RoomReply(message), let again = reply.message.bytes {
      check(RoomMessage(again).flatMap { RoomReply($0) } != nil, "a reply is none when it is read again")
    }
  }

  private static func netlink(_ bytes: [UInt8]) {
    withCopy(of: bytes) { memory in
      for record in NetlinkRecords(in: UnsafeRawBufferPointer(memory)) {
        _ = (record.acknowledgement, record.dumpEnd)
        _ = (LinkRecord(record), AddressRecord(record), RouteRecord(record))
        if let rule = RuleRecord(record) { _ = PolicyRule(rule) }
      }
    }
  }

  private static func events(_ bytes: [UInt8]) {
    for event in FileWatcher.events(in: bytes[...]) {
      check(!event.name.contains(0), "a name with a NUL")
    }
  }

  private static func hook(_ input: inout FuzzInput) {
    let size = 1 + input.choice(64)
    let bytes = input.all()
    var output = HookOutput()
    var lines: [String] = []
    for start in stride(from: 0, to: bytes.count, by: size) {
      lines += output.take(bytes[start..<min(start + size, bytes.count)])
    }
    if let last = output.finish() { lines.append(last) }
    check(lines.count <= HookOutput.mostLines + 1, "\(lines.count) lines of a hook")
    check(lines.allSatisfy { !$0.utf8.contains(10) && $0.utf8.count <= 6 * HookOutput.longestLine + 8 }, "a long line")
  }
}
