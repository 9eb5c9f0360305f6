import Glibc

/// Which of the errors that faults are tried with a system call may return, by its manual page. Calls are named as
/// their errors name them.
package enum PossibleErrors {
  /// The errors that are tried, by name.
  package static let tried: [(name: String, number: Int32)] = [
    ("EINTR", EINTR), ("EAGAIN", EAGAIN), ("ENOMEM", ENOMEM), ("EMFILE", EMFILE), ("ENOBUFS", ENOBUFS),
    ("ECONNRESET", ECONNRESET), ("EIO", EIO), ("EPIPE", EPIPE),
  ]

  /// Whether a call may fail so.
  package static func include(_ number: Int32, of call: String) -> Bool {
    // The longest beginning that fits tells most.
    let fitting = table.filter { call.hasPrefix($0.beginning) }.max { $0.beginning.count < $1.beginning.count }
    return fitting?.numbers.contains(number) ?? netlink.contains(number)
  }

  // A request to the kernel is named after its purpose, and is a message that is sent.
  private static let netlink = [EINTR, EAGAIN, ENOMEM, ENOBUFS]
  private static let file = [EINTR, ENOMEM, EIO]

  private static let table: [(beginning: String, numbers: [Int32])] = [
    ("socket", [EMFILE, ENOBUFS, ENOMEM]), ("open netlink socket", [EMFILE, ENOBUFS, ENOMEM]),
    ("bind", [ENOMEM]), ("listen at", [ENOMEM]), ("make ", [ENOMEM]), ("claim an identity", [ENOMEM]),
    ("setsockopt", [ENOMEM]), ("getsockopt", [ENOBUFS]),
    ("connect to", [EINTR, EAGAIN, ENOMEM, ENOBUFS]), ("look for the owner", [EINTR, EAGAIN, ENOMEM]),
    ("accept", [EINTR, EAGAIN, ENOMEM, EMFILE, ENOBUFS]),
    ("receive", [EINTR, EAGAIN, ENOMEM, ECONNRESET]), ("receive from netlink", [EINTR, EAGAIN, ENOMEM, ENOBUFS]),
    ("send", [EINTR, EAGAIN, ENOMEM, ENOBUFS, ECONNRESET, EPIPE]),
    ("read from the tunnel", [EINTR, EAGAIN, EIO]), ("write to the tunnel", [EINTR, EAGAIN, ENOMEM, ENOBUFS, EIO]),
    ("read a counter", [EINTR, EAGAIN]), ("write eventfd", [EINTR, EAGAIN]), ("read inotify", [EINTR, EAGAIN]),
    ("timerfd_create", [ENOMEM, EMFILE]), ("timerfd_settime", []), ("inotify_init1", [ENOMEM, EMFILE]),
    ("eventfd", [ENOMEM, EMFILE]), ("pidfd_open", [ENOMEM, EMFILE]), ("pipe", [EMFILE]),
    ("inotify_add_watch", [ENOMEM]), ("inotify_rm_watch", []), ("epoll_ctl", [ENOMEM]), ("poll", [EINTR, ENOMEM]),
    ("open ", [EINTR, ENOMEM, EMFILE, EIO]), ("read ", [EINTR, EIO]), ("write ", [EINTR, EIO]),
    ("fsync", file), ("fstat", file), ("stat", file), ("lstat", file), ("access", file), ("use ", file),
    ("unlink", file), ("rename", file), ("mkdir", file), ("chmod", file), ("chown", file), ("readlink", file),
    ("statvfs", file), ("run ", file), ("resolve", file), ("fcntl F_DUPFD_CLOEXEC", [EMFILE]), ("fcntl", []),
    ("posix_spawn", [ENOMEM]), ("start ", [EAGAIN, ENOMEM, EMFILE]), ("waitpid", [EINTR]), ("signal process", []),
    ("capget", []), ("capset", []), ("prctl", []), ("prctl PR_SET_SECCOMP", [ENOMEM]), ("fcntl O_NONBLOCK", []),
    ("TUNSETIFF", [ENOMEM]), ("TUNSETOFFLOAD", []), ("setns", [ENOMEM]), ("getrlimit", []), ("setrlimit", []),
  ]
}
