/// A question to an acquaintance for the name of an overlay address, in OnionCat's dialect of DNS.
struct AcquaintanceQuestion: Equatable, Sendable {
  /// The address whose name is asked for.
  let address: IPv6Address
  /// What the answer is recognised by: random, another for each question.
  let identifier: UInt16

  /// A question about an address that is recognised by this.
  init(address: IPv6Address, identifier: UInt16) {
    (self.address, self.identifier) = (address, identifier)
  }

  /// A question about an address, which nobody can guess.
  init(about address: IPv6Address, using random: inout some RandomNumberGenerator) {
    self.init(address: address, identifier: random.next())
  }

  private var question: DNSQuestion { DNSQuestion(DNSName(of: address), .pointer) }

  /// The message that asks.
  var message: [UInt8] {
    var header = DNSHeader(identifier: identifier)
    header.questions = 1
    return header.bytes + question.bytes
  }

  /// The name that an answer tells.
  struct Answer: Equatable {
    /// A name of version 3 that maps to the address.
    let name: OnionName
    /// Whether who answered knows it from his own side.
    let isAuthoritative: Bool
  }

  /// Reads what came in answer. It throws where that is none, or tells no name that is believed.
  func answer(_ message: UnsafeRawBufferPointer) throws(AcquaintanceFailure) -> Answer {
    guard let header = DNSHeader(message), header.isResponse, header.isQuery else { throw .notAnswer }
    guard header.identifier == identifier else { throw .otherQuestion }
    let isTold = header.code == .noError
    // Who refuses a message may leave its question out.
    guard header.questions == 1 || header.questions == 0 && !isTold else { throw .malformed }
    var offset = DNSHeader.size
    if header.questions == 1 {
      guard let asked = try? DNSQuestion(message, at: &offset) else { throw .malformed }
      guard asked == question else { throw .otherQuestion }
    }
    guard isTold else { throw header.code == .nameError ? .unknown : .refused(header.code) }
    // What serves DNS there, but no names of ours, says so.
    guard header.answers > 0 || header.isTruncated else { throw .unknown }
    guard header.answers == 1, !header.isTruncated, let target = pointer(in: message, at: offset) else {
      throw .malformed
    }
    guard let name = OnionName(target), !name.isVersion2 else { throw .notName }
    guard name.address == address else { throw .otherAddress }
    return Answer(name: name, isAuthoritative: header.isAuthoritative)
  }

  /// What the record at `offset` says; `nil` unless it answers the question.
  private func pointer(in message: UnsafeRawBufferPointer, at offset: Int) -> DNSName? {
    var offset = offset
    guard let record = try? DNSRecord(message, at: &offset), record.name == question.name,
      record.type == .pointer, record.recordClass == .internet
    else { return nil }
    var end = record.data.lowerBound
    guard let target = try? DNSName(message, at: &end), end == record.data.upperBound else { return nil }
    return target
  }
}

extension OnionName {
  /// The onion name that a domain name is; `nil` if it is none.
  init?(_ name: DNSName) {
    guard let labels = name.text(below: .onion), labels.count == 1, let name = try? OnionName(labels[0]) else {
      return nil
    }
    self = name
  }
}

/// Why an acquaintance's answer tells no name that is believed.
enum AcquaintanceFailure: Error, Equatable, Sendable {
  /// It is no answer at all.
  case notAnswer
  /// It is an answer to another question. Whoever sends such guesses, or is late.
  case otherQuestion
  /// The name is not known there.
  case unknown
  /// The question was refused so.
  case refused(DNSCode)
  /// It tells not one name, or not in the form of an answer.
  case malformed
  /// What it tells is no valid name of version 3.
  case notName
  /// It tells a name of another address.
  case otherAddress
}
