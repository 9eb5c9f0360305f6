/// What Tor says of a circuit before packets come.
extension Circuit {
  /// What Tor has said of a circuit.
  enum Reply {
    /// No reply is expected: the bytes are packets.
    case none
    /// The reply is not complete yet.
    case incomplete
    /// Tor has granted the circuit.
    case granted
    /// Tor has refused the circuit, or this is no SOCKS server.
    case refused(DialFailure)
    /// The question goes on with more bytes for the server, which are in the preamble.
    case next
    /// The server has answered why it refused a circuit, by a code of SOCKS5: zero says that it would grant one.
    case answered(code: UInt8)
    /// The service has sent this.
    case text([UInt8])
    /// Tor has said that the circuit came through this one of its own. The bytes that are left are packets.
    case cameThrough(TorCircuitLine)
    /// Tor has not said that.
    case badLine(TorCircuitLineError)
  }

  /// Takes what Tor says of the circuit off the front of `input`: the SOCKS server's reply, or the line before what an
  /// accepted circuit brings.
  mutating func takeReply(_ input: inout UnsafeMutableRawBufferPointer) -> Reply {
    switch state {
    case .accepted, .open, .connecting, .connectingToAsk: .none
    case .requested(let reply): takeReply(reply, &input)
    case .asking(let question): takeAnswer(UnsafeRawBufferPointer(input), to: question)
    case .announced(let reader): takeLine(reader, &input)
    }
  }

  private mutating func takeLine(
    _ reader: TorCircuitLineReader, _ input: inout UnsafeMutableRawBufferPointer
  ) -> Reply {
    var (reader, rest) = (reader, UnsafeRawBufferPointer(input))
    do throws(TorCircuitLineError) {
      guard let line = try reader.consume(&rest) else {
        state = .announced(reader)
        return .incomplete
      }
      state = .accepted
      input = UnsafeMutableRawBufferPointer(rebasing: input.suffix(rest.count))
      return .cameThrough(line)
    } catch {
      return .badLine(error)
    }
  }

  private mutating func takeReply(
    _ reply: SOCKS4aReply, _ input: inout UnsafeMutableRawBufferPointer
  ) -> Reply {
    var (reply, rest) = (reply, UnsafeRawBufferPointer(input))
    do throws(DialFailure) {
      guard try reply.consume(&rest) else {
        state = .requested(reply)
        return .incomplete
      }
      // The server replied before it had the whole request, so nobody knows what it granted. The rest of the request
      // would go out behind the first packet, or never.
      guard preamble.isEmpty else { throw DialFailure.early }
    } catch {
      return .refused(error)
    }
    input = UnsafeMutableRawBufferPointer(rebasing: input.suffix(rest.count))
    return .granted
  }

  private mutating func takeAnswer(_ bytes: UnsafeRawBufferPointer, to question: SOCKS5Question) -> Reply {
    var question = question
    do throws(DialFailure) {
      switch try question.consume(bytes) {
      case .wait:
        state = .asking(question)
        return .incomplete
      case .send(let message):
        state = .asking(question)
        preamble += message
        return .next
      case .answered(let code):
        return .answered(code: code)
      case .text(let text):
        return .text(text)
      }
    } catch {
      return .refused(error)
    }
  }
}
