import Glibc

/// The system calls of a process in its room: what its loop, its files, its sockets and its memory need, and nothing
/// that makes a process, a file executable, or a socket of another kind than those it needs.
struct RoomCalls {
  /// Those without a condition, the most frequent first.
  let plain: [String]
  /// Those whose arguments matter.
  let conditional: [(name: String, verdict: SystemCallFilter.Verdict)]
  /// What becomes of the others.
  var otherwise = SystemCallFilter.kill

  /// Those of the daemon, which reads what strangers send.
  static var pump: RoomCalls {
    RoomCalls(
      plain: [
        "epoll_wait", "epoll_pwait", "epoll_pwait2", "read", "write", "writev", "readv", "recvfrom", "recvmsg",
        "clock_gettime", "timerfd_settime", "epoll_ctl", "futex", "accept4", "close", "connect", "getsockopt",
        "setsockopt", "shutdown", "bind", "listen", "getsockname", "getpeername", "epoll_create1", "eventfd2",
        "timerfd_create", "inotify_add_watch", "inotify_rm_watch", "poll", "ppoll", "pipe2",
        // Files: what opens or changes them fails, and the helper is asked.
        "open", "openat", "fsync", "pread64", "pwrite64", "lseek", "fstat", "stat", "lstat", "newfstatat", "statx",
        "getdents64", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "unlink", "unlinkat", "flock",
        "statfs", "fstatfs", "umask", "getcwd",
      ] + common,
      // A UNIX datagram for syslog, and to claim an identity: who takes connections at a path, as Tor may, hears none.
      conditional: [
        ("socket", .allowedIf([tcp, [.oneOf(argument: 0, [UInt32(AF_UNIX)]), type(SOCK_DGRAM)]]))
      ] + commonConditional)
  }

  /// Those of whoever speaks with Tor's control port.
  static var torKeeper: RoomCalls {
    RoomCalls(
      plain: [
        "epoll_wait", "epoll_pwait", "epoll_pwait2", "read", "write", "writev", "recvfrom", "recvmsg", "clock_gettime",
        "timerfd_settime", "epoll_ctl", "futex", "close", "connect", "getsockopt", "setsockopt", "shutdown",
        "timerfd_create", "poll", "ppoll",
        "open", "openat", "fsync", "lseek", "fstat", "stat", "lstat", "newfstatat", "statx", "getdents64", "access",
        "faccessat", "faccessat2", "readlink", "readlinkat",
      ] + common,
      conditional: [("socket", .allowedIf([tcp]))] + commonConditional)
  }

  /// Those that neither the helper nor a hook makes, which inherits the list and is any program but these: what looks
  /// into other processes, changes the kernel, or is much of it for little use.
  static var helper: RoomCalls {
    RoomCalls(
      plain: [], conditional: withheld.map { ($0, .fails(EPERM)) }, otherwise: SystemCallFilter.allow)
  }

  private static let withheld = [
    "acct", "add_key", "bpf", "delete_module", "finit_module", "init_module", "io_uring_enter", "io_uring_register",
    "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "modify_ldt",
    "open_by_handle_at", "perf_event_open", "pidfd_getfd", "pivot_root", "process_madvise", "process_vm_readv",
    "process_vm_writev", "ptrace", "quotactl", "reboot", "request_key", "swapoff", "swapon", "userfaultfd",
  ]

  // A connection of TCP, and no other protocol of streams, which Landlock's rules for ports would not see: MPTCP, SCTP.
  private static var tcp: [SystemCallFilter.Condition] {
    [
      .oneOf(argument: 0, [AF_INET, AF_INET6].map { UInt32($0) }), type(SOCK_STREAM),
      .oneOf(argument: 2, [0, UInt32(IPPROTO_TCP)]),
    ]
  }

  private static func type(_ type: __socket_type) -> SystemCallFilter.Condition {
    // SOCK_TYPE_MASK of <linux/net.h>: beside the type stand SOCK_NONBLOCK and SOCK_CLOEXEC.
    .oneOf(argument: 1, [type.rawValue], mask: 0xf)
  }

  // MSG_FASTOPEN of <linux/socket.h>: it connects, past Landlock.
  private static let connectingFlag: UInt32 = 0x2000_0000

  private static let common = [
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

  private static var commonConditional: [(name: String, verdict: SystemCallFilter.Verdict)] {
    let commands = [F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC].map { UInt32($0) }
    let executable = UInt32(PROT_EXEC)
    return [
      ("sendmsg", .allowedIf(.none(argument: 2, bits: connectingFlag))),
      ("sendto", .allowedIf(.none(argument: 3, bits: connectingFlag))),
      ("fcntl", .allowedIf(.oneOf(argument: 1, commands))),
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
  var filter: SystemCallFilter? {
    guard let architecture = SystemCall.filterArchitecture else { return nil }
    let all = plain.map { ($0, SystemCallFilter.Verdict.allowed) } + conditional.map { ($0.name, $0.verdict) }
    let rules = all.compactMap { name, verdict -> SystemCallFilter.Rule? in
      // Not every architecture has all of them: aarch64 lacks open, which has openat.
      SystemCall.callNumber(name).map { SystemCallFilter.Rule(number: $0, verdict: verdict) }
    }
    return SystemCallFilter(rules: rules, architecture: architecture, otherwise: otherwise)
  }
}
