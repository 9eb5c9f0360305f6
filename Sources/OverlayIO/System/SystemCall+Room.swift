import CLinux
import Glibc

/// What two processes of the daemon need that share no rights.
extension SystemCall {
  /// A capability (capabilities(7)), by the kernel's number.
  enum Capability: UInt64, CaseIterable {
    case changeOwner = 0
    case overridePermissions = 1
    case readEverything = 2
    case changeModes = 3
    case signalOthers = 5
    case administerNetwork = 12
    case enterNamespaces = 21

    /// The bit of it in a set.
    var bit: UInt64 { 1 << rawValue }
  }

  /// The flag of open(2) for what is looked at from outside and not opened: O_PATH.
  static let placeFlag = oncilla_place_flag()

  /// Both ends of a channel of whole messages, which is at its end once the other end is closed.
  static func channel() throws(SystemError) -> (own: Int32, other: Int32) {
    var ends: [Int32] = [-1, -1]
    try perform("socketpair") { oncilla_channel(&ends) }
    return (ends[0], ends[1])
  }

  /// Sends a message, and copies of descriptors with it, at most two.
  static func send(_ channel: Int32, _ bytes: [UInt8], with descriptors: [Int32]) throws(SystemError) {
    try perform("send a message") {
      oncilla_send_message(channel, bytes, bytes.count, descriptors, Int32(descriptors.count))
    }
  }

  // What this host lacks for a moment is waited for, a second in all.
  private static let mostTries = 100
  private static let shortagePause: UInt32 = 10

  /// The same for whoever has nothing better to do than to wait until this host has what it lacks, a second at most.
  static func deliver(_ channel: Int32, _ bytes: [UInt8], with descriptors: [Int32] = []) throws(SystemError) {
    for _ in 1..<mostTries {
      do throws(SystemError) {
        return try send(channel, bytes, with: descriptors)
      } catch {
        try pause(after: error)
      }
    }
    try send(channel, bytes, with: descriptors)
  }

  /// Lets some time go by after an error of what this host will have again; throws any other.
  static func pause(after error: SystemError) throws(SystemError) {
    guard error.isShortage else { throw error }
    sleep(milliseconds: shortagePause)
  }

  /// A message that came, and the descriptors that came with it, at most two. They are closed with it unless somebody
  /// takes them.
  struct Message: ~Copyable {
    /// What it says; nothing at the end of the channel.
    let bytes: [UInt8]
    /// The descriptors.
    var first: FileDescriptor?
    var second: FileDescriptor?
    /// How many came.
    let count: Int
    /// Whether this process had room for all that were sent. Otherwise none came.
    let isWhole: Bool
  }

  /// Waits for a message of at most `limit` bytes. Where the channel does not wait, `nil` says that there is none.
  static func receive(_ channel: Int32, limit: Int) throws(SystemError) -> Message? {
    var buffer = [UInt8](repeating: 0, count: limit)
    var numbers: [Int32] = [-1, -1]
    var count: Int32 = 0
    let size = try attempt("receive a message") {
      oncilla_receive_message(channel, &buffer, limit, &numbers, &count)
    }
    guard let size else { return nil }
    return Message(
      bytes: Array(buffer.prefix(size)), first: count > 0 ? FileDescriptor(owning: numbers[0]) : nil,
      second: count > 1 ? FileDescriptor(owning: numbers[1]) : nil, count: max(0, Int(count)), isWhole: count >= 0)
  }

  /// Waits until one of these descriptors has something to read, or is at its end; for each whether it has.
  static func wait(forAnyOf descriptors: [Int32]) throws(SystemError) -> [Bool] {
    var requests = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    try perform("poll") { Glibc.poll(&requests, nfds_t(requests.count), -1) }
    return requests.map { $0.revents != 0 }
  }

  /// Lets calls on a descriptor not wait.
  static func refuseToWait(_ descriptor: Int32) throws(SystemError) {
    try perform("fcntl O_NONBLOCK") { Glibc.fcntl(descriptor, F_SETFL, O_NONBLOCK) }
  }

  /// The capabilities that the process may use, a bit each.
  static func capabilities() throws(SystemError) -> UInt64 {
    var permitted: UInt64 = 0
    try perform("capget") { oncilla_capabilities(&permitted) }
    return permitted
  }

  /// Leaves the calling thread these capabilities of those that it has. A program that it starts may have them, too, if
  /// `isInherited` says so and they were inherited themselves.
  static func keepCapabilities(_ set: UInt64, isInherited: Bool = false) throws(SystemError) {
    if !isInherited { try perform("prctl PR_CAP_AMBIENT") { oncilla_clear_ambient_capabilities() } }
    try perform("capset") { oncilla_set_capabilities(set, isInherited) }
  }

  /// Keeps every program that this process starts from having capabilities, as far as it may say so.
  static func dropBoundingCapabilities() { oncilla_drop_bounding_capabilities() }

  /// Keeps this process and those that it starts from gaining rights by the files of programs, for good.
  static func refuseNewPrivileges() throws(SystemError) {
    try perform("prctl PR_SET_NO_NEW_PRIVS") { oncilla_refuse_new_privileges() }
  }

  /// The number of the system call of this name; `nil` where this machine's kernel has none.
  static func callNumber(_ name: String) -> UInt32? { UInt32(exactly: oncilla_call_number(name)) }

  /// This machine as the kernel names it to a filter of system calls (`AUDIT_ARCH_…`); `nil` where its calls' numbers
  /// were never looked at.
  static var filterArchitecture: UInt32? { oncilla_audit_architecture == 0 ? nil : oncilla_audit_architecture }

  /// The flag of clone(2) that makes a thread and no process.
  static var threadFlag: UInt32 { oncilla_clone_thread_flag() }

  /// Has the kernel run a program before each call of the calling thread, and of those that it begins, for good. EINVAL
  /// where it has no filters.
  static func install(_ filter: [sock_filter]) throws(SystemError) {
    try perform("prctl PR_SET_SECCOMP") { oncilla_install_filter(filter, UInt16(filter.count)) }
  }

  /// Keeps other processes of the same user from looking into this one.
  static func refuseDumps() throws(SystemError) {
    try perform("prctl PR_SET_DUMPABLE") { oncilla_refuse_dumps() }
  }

  /// Has the kernel kill this process when the one that started it ends, until it becomes another user.
  static func endWithParent() throws(SystemError) {
    try perform("prctl PR_SET_PDEATHSIG") { oncilla_end_with_parent() }
  }

  /// The number of the process that started this one, and of another once that has ended.
  static var parent: Int32 { Glibc.getppid() }

  /// Sets the name of the process that lists of processes show, of 15 bytes at most.
  static func setProcessName(_ name: String) { oncilla_set_process_name(name) }

  /// Ignores the signals with which people and service managers end or ask the daemon: its helper ends when it does.
  static func ignoreEndings() {
    for number in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1] { _ = Glibc.signal(number, SIG_IGN) }
  }
}
