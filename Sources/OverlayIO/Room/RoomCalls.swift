import Glibc

/// The system calls of a daemon in its room: what its loop, its files, its sockets and its memory need, and nothing that
/// makes a process, a file executable, or a socket of another kind than those to Tor and to this host's programs.
enum RoomCalls {
  /// Those without a condition, the most frequent first.
  static let plain = [
    "epoll_wait", "epoll_pwait", "epoll_pwait2", "read", "write", "writev", "readv", "sendmsg", "recvfrom", "recvmsg",
    "sendto", "clock_gettime", "timerfd_settime", "epoll_ctl", "futex", "accept4", "close", "connect", "getsockopt",
    "setsockopt", "sendmmsg", "shutdown", "bind", "listen", "getsockname", "getpeername", "socketpair",
    "epoll_create1", "eventfd2", "timerfd_create", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
    "poll", "ppoll", "pipe2",
    // Files: which, is Landlock's matter and that of their owners.
    "open", "openat", "pread64", "pwrite64", "lseek", "fstat", "stat", "lstat", "newfstatat", "statx", "getdents64",
    "access", "faccessat", "faccessat2", "readlink", "readlinkat", "mkdir", "mkdirat", "unlink", "unlinkat", "rmdir",
    "rename", "renameat", "renameat2", "fsync", "fdatasync", "ftruncate", "fallocate", "fchmod", "fchmodat", "fchown",
    "fchownat", "chmod", "lchown", "flock", "statfs", "fstatfs", "umask", "getcwd",
    // Memory, threads, time.
    "brk", "munmap", "mremap", "madvise", "membarrier", "set_robust_list", "rseq", "sched_getaffinity", "sched_yield",
    "exit", "exit_group", "nanosleep", "clock_nanosleep", "clock_getres", "gettimeofday", "restart_syscall",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack",
    // What it asks of itself.
    "getrandom", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getrusage", "uname",
    "sysinfo",
    // The helper, at the end.
    "wait4", "waitid",
  ]

  /// Those whose arguments matter.
  static var conditional: [(name: String, verdict: SystemCallFilter.Verdict)] {
    let families = [AF_UNIX, AF_INET, AF_INET6].map { UInt32($0) }
    let commands = [F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC].map { UInt32($0) }
    let executable = UInt32(PROT_EXEC)
    return [
      ("fcntl", .allowedIf(.oneOf(argument: 1, commands))),
      ("socket", .allowedIf(.oneOf(argument: 0, families))),
      ("mmap", .allowedIf(.none(argument: 2, bits: executable))),
      ("mprotect", .allowedIf(.none(argument: 2, bits: executable))),
      // A thread and no process. The arguments of clone3 lie where no filter can look: the C library then takes clone.
      ("clone", .allowedIf(.all(argument: 0, bits: SystemCall.threadFlag))),
      ("clone3", .fails(ENOSYS)),
      // Its own limits, by the number 0, and nobody else's.
      ("prlimit64", .allowedIf(.oneOf(argument: 0, [0]))),
      // Its own threads alone, as abort(3) does, which the process number says.
      ("tgkill", .allowedIf(.oneOf(argument: 0, [UInt32(bitPattern: SystemCall.processIdentifier)]))),
      // Whether a log is a terminal, which nothing depends on.
      ("ioctl", .fails(ENOTTY)),
    ]
  }

  /// The list for this architecture; `nil` where its numbers are not known.
  static var filter: SystemCallFilter? {
    guard let architecture = SystemCall.filterArchitecture else { return nil }
    let all = plain.map { ($0, SystemCallFilter.Verdict.allowed) } + conditional.map { ($0.name, $0.verdict) }
    let rules = all.compactMap { name, verdict -> SystemCallFilter.Rule? in
      // Not every architecture has all of them: aarch64 lacks open, which has openat.
      SystemCall.callNumber(name).map { SystemCallFilter.Rule(number: $0, verdict: verdict) }
    }
    return SystemCallFilter(rules: rules, architecture: architecture)
  }
}
