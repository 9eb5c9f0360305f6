import CLinux
import Glibc

/// A list of the system calls that a process may make from then on, as a program that the kernel runs before each call
/// (seccomp(2), classic BPF), or of those that it may not make. Whoever makes another one, or one of another
/// architecture, is killed, with all its threads.
struct SystemCallFilter {
  /// What an argument has to be for a call to be allowed. Of each the lower 32 bits count, which are all that the
  /// kernel takes of it where such a condition is used.
  enum Condition: Equatable {
    /// One of these values, of the bits of a mask.
    case oneOf(argument: Int, [UInt32], mask: UInt32 = .max)
    /// All of these bits are set.
    case all(argument: Int, bits: UInt32)
    /// None of these bits is set.
    case none(argument: Int, bits: UInt32)
  }

  /// What becomes of a call.
  enum Verdict: Equatable {
    /// It is made.
    case allowed
    /// It is made if all conditions of one of these rows hold, and else is as one that is not on the list.
    case allowedIf([[Condition]])
    /// It fails with this error number: the C library then does something else.
    case fails(Int32)

    /// It is made if the condition holds.
    static func allowedIf(_ condition: Condition) -> Verdict { .allowedIf([[condition]]) }
  }

  /// A call by the kernel's number.
  struct Rule: Equatable {
    /// The number.
    let number: UInt32
    /// What becomes of it.
    let verdict: Verdict
  }

  // <linux/filter.h> and <linux/seccomp.h>: the codes of the instructions, and what they return.
  private static let load: UInt16 = 0x20
  private static let jumpIfEqual: UInt16 = 0x15
  private static let jumpIfAtLeast: UInt16 = 0x35
  private static let jumpIfAnySet: UInt16 = 0x45
  private static let and: UInt16 = 0x54
  private static let giveBack: UInt16 = 0x06
  /// What the program returns for a call that is made.
  static let allow: UInt32 = 0x7fff_0000
  /// What it returns for one whose process is killed.
  static let kill: UInt32 = 0x8000_0000
  /// What it returns for one that fails, with the error number in the lower half.
  static let fail: UInt32 = 0x0005_0000
  // The calls of x32 have this bit, on the same architecture by its number.
  private static let x32: UInt32 = 0x4000_0000
  // struct seccomp_data: number, architecture, instruction pointer, six arguments of 64 bits.
  private static let numberOffset: UInt32 = 0
  private static let architectureOffset: UInt32 = 4

  /// The list, those that are made most often first.
  let rules: [Rule]
  /// The architecture whose numbers they are (`AUDIT_ARCH_…`).
  let architecture: UInt32
  /// What the program returns for a call that is not on the list.
  var otherwise = SystemCallFilter.kill

  /// The program.
  var instructions: [sock_filter] {
    var program: [sock_filter] = [
      sock_filter(code: SystemCallFilter.load, jt: 0, jf: 0, k: SystemCallFilter.architectureOffset),
      sock_filter(code: SystemCallFilter.jumpIfEqual, jt: 1, jf: 0, k: architecture),
      SystemCallFilter.result(SystemCallFilter.kill),
      sock_filter(code: SystemCallFilter.load, jt: 0, jf: 0, k: SystemCallFilter.numberOffset),
      sock_filter(code: SystemCallFilter.jumpIfAtLeast, jt: 0, jf: 1, k: SystemCallFilter.x32),
      SystemCallFilter.result(SystemCallFilter.kill),
    ]
    for rule in rules {
      let body = SystemCallFilter.body(rule.verdict)
      // A body is much shorter than the 255 instructions that a jump can leave out.
      program.append(
        sock_filter(code: SystemCallFilter.jumpIfEqual, jt: 0, jf: UInt8(body.count), k: rule.number))
      program += body
    }
    program.append(SystemCallFilter.result(otherwise))
    return program
  }

  private static func result(_ value: UInt32) -> sock_filter { sock_filter(code: giveBack, jt: 0, jf: 0, k: value) }

  /// What is done once the number is that of a rule: it ends with a result in any case, for the number is forgotten.
  private static func body(_ verdict: Verdict) -> [sock_filter] {
    switch verdict {
    case .allowed: return [result(allow)]
    case .fails(let number): return [result(fail | UInt32(number & 0xffff))]
    case .allowedIf(let rows): return rows.flatMap { allowance($0) } + [result(kill)]
    }
  }

  /// Allows the call if all conditions hold, and goes on behind that otherwise.
  private static func allowance(_ conditions: [Condition]) -> [sock_filter] {
    conditions.reversed().reduce([result(allow)]) { rest, condition in
      // Some ten instructions at most are left out.
      let failure = UInt8(rest.count)
      switch condition {
      case .oneOf(let argument, let values, let mask):
        var test = [sock_filter(code: load, jt: 0, jf: 0, k: offset(of: argument))]
        if mask != .max { test.append(sock_filter(code: and, jt: 0, jf: 0, k: mask)) }
        for (place, value) in values.enumerated() {
          let left = UInt8(values.count - 1 - place)
          test.append(sock_filter(code: jumpIfEqual, jt: left, jf: left == 0 ? failure : 0, k: value))
        }
        return test + rest
      case .all(let argument, let bits):
        return [
          sock_filter(code: load, jt: 0, jf: 0, k: offset(of: argument)),
          sock_filter(code: and, jt: 0, jf: 0, k: bits), sock_filter(code: jumpIfEqual, jt: 0, jf: failure, k: bits),
        ] + rest
      case .none(let argument, let bits):
        return [
          sock_filter(code: load, jt: 0, jf: 0, k: offset(of: argument)),
          sock_filter(code: jumpIfAnySet, jt: failure, jf: 0, k: bits),
        ] + rest
      }
    }
  }

  // Little-endian, as both architectures are: the lower half comes first.
  private static func offset(of argument: Int) -> UInt32 { UInt32(16 + 8 * argument) }
}
