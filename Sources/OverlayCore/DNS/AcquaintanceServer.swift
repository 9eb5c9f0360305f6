/// What a node answers to acquaintances who ask for the name of an address: OnionCat's dialect of DNS, at UDP port 53
/// of the node's overlay address. It tells what is known here and asks nobody else.
enum AcquaintanceServer {
  /// For how many seconds an answer is valid.
  static let lifetime: UInt32 = 3_600

  /// A name that is known here.
  struct KnownName: Equatable {
    /// The name.
    let name: OnionName
    /// Whether it is known from this side: the own name, or one of the configuration or the hosts file.
    let isLocal: Bool
  }

  /// Returns the answer to a message; `nil` if there is none to be given. `known` tells the name of an overlay address.
  ///
  /// Only questions of class Internet for the name of an overlay address have an answer. There is no other name, so
  /// that all other questions have the same one. EDNS is not used, but does not disturb.
  static func answer(to message: UnsafeRawBufferPointer, known: (IPv6Address) -> KnownName?) -> [UInt8]? {
    switch DNSQuery.read(message) {
    case .ignored: nil
    case .refused(let header, let code): DNSReply.message(refusing: header, code)
    case .query(let query):
      reply(to: query.question, known: known)
        .message(to: query, greatest: DNSQuery.smallestAnswer, withExtensions: false)
    }
  }

  private static func reply(to question: DNSQuestion, known: (IPv6Address) -> KnownName?) -> DNSReply {
    guard question.type == .pointer, question.recordClass == .internet, let address = question.name.address,
      OverlayNetwork.tor.contains(address), let found = known(address), let name = DNSName(found.name.description)
    else { return DNSReply(code: .nameError) }
    let record = DNSReply.Record(name: question.name, lifetime: lifetime, value: .pointer(name))
    return DNSReply(code: .noError, isAuthoritative: found.isLocal, answers: [record])
  }
}
