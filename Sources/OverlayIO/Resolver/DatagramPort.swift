import OverlayCore

/// A UDP socket at which questions come, one a datagram, each answered at once or not at all.
final class DatagramPort {
  /// How many datagrams are answered before other events are served.
  private static let batch = 64
  /// The greatest question: more than one name and the options of EDNS take.
  private static let greatestQuestion = 4_096

  private let source: EventSource<FileDescriptor>
  private let answer: (UnsafeRawBufferPointer) -> [UInt8]?

  /// Answers at a socket that is bound.
  init(
    owning socket: consuming FileDescriptor, on loop: EventLoop,
    answer: @escaping (UnsafeRawBufferPointer) -> [UInt8]?
  ) {
    source = EventSource(socket, on: loop)
    self.answer = answer
    source.handle(.readable) { [unowned self] in read() }
    source.start(.readable)
  }

  private func read() {
    var sender = SystemCall.Sender()
    withUnsafeTemporaryAllocation(byteCount: DatagramPort.greatestQuestion, alignment: 8) { buffer in
      for _ in 0..<DatagramPort.batch {
        do throws(SystemError) {
          guard let count = try SystemCall.receive(source.file.number, into: buffer, from: &sender) else { return }
          guard count <= buffer.count else { continue }
          guard let message = answer(UnsafeRawBufferPointer(rebasing: buffer[..<count])) else { continue }
          // Who asks has no room, or is gone: it asks again.
          _ = try SystemCall.send(source.file.number, message, to: sender)
        } catch {
          // What the kernel tells of an earlier answer, such as that its reader is gone, concerns no other.
          continue
        }
      }
    }
  }
}
