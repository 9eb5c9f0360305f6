/// The lines that a daemon sends, as values.
enum ControlReply {
  /// Returns the reply to a request that was done.
  static func success(_ result: JSONObject, id: JSONValue?) -> JSONValue {
    var reply = head(id: id, isOK: true)
    reply["result"] = .object(result)
    return .object(reply)
  }

  /// Returns the reply to a request that was not done.
  static func failure(_ error: ControlError, id: JSONValue?) -> JSONValue {
    var reply = head(id: id, isOK: false)
    reply["error"] = error.json
    return .object(reply)
  }

  private static func head(id: JSONValue?, isOK: Bool) -> JSONObject {
    var head: JSONObject = ["schema": .integer(ControlRequest.schema), "version": .string(ProgramVersion.current)]
    if let id { head["id"] = id }
    head["ok"] = .boolean(isOK)
    return head
  }
}

/// A request that has no reply yet. The first reply counts; if the client is gone, nobody gets it.
final class ControlExchange {
  /// The request.
  let request: ControlRequest
  /// The user who asks.
  let user: UInt32
  private weak var session: ControlSession?

  /// Makes an exchange.
  init(_ request: ControlRequest, user: UInt32, in session: ControlSession) {
    self.request = request
    self.user = user
    self.session = session
  }

  /// Whether nobody waits for the reply any more.
  var isAbandoned: Bool { session == nil }

  /// Replies that it was done. `monitors` says that the client wants events from now on.
  func succeed(_ result: JSONObject = [:], monitors: Bool = false) {
    reply(ControlReply.success(result, id: request.id), monitors: monitors)
  }

  /// Replies that it was not done.
  func fail(_ error: ControlError) {
    reply(ControlReply.failure(error, id: request.id), monitors: false)
  }

  private func reply(_ line: JSONValue, monitors: Bool) {
    session?.finish(self, line, monitors: monitors)
  }
}
