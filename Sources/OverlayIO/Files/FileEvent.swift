import Glibc

extension FileWatcher {
  /// One event of inotify(7): `struct inotify_event`, the name without the NULs that fill it up.
  struct Event: Equatable {
    let watch: Int32
    let mask: UInt32
    let name: [UInt8]
  }

  /// The events that one read(2) gave; the kernel delivers whole ones only.
  static func events(in bytes: ArraySlice<UInt8>) -> [Event] {
    let header = MemoryLayout<inotify_event>.size
    var events: [Event] = []
    bytes.withUnsafeBytes { buffer in
      var offset = 0
      while offset + header <= buffer.count {
        let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
        let end = offset + header + Int(event.len)
        guard end <= buffer.count else { return }
        let name = buffer[(offset + header)..<end].prefix { $0 != 0 }
        events.append(Event(watch: event.wd, mask: event.mask, name: Array(name)))
        offset = end
      }
    }
    return events
  }
}
