import Glibc
import Testing

@testable import OverlayIO

/// A directory of root's, `own`, and one of another user's, `foreign`, with files and links; removed at the end.
private final class Tree {
  static let other: uid_t = 65_534
  private static let directories = ["own", "foreign", "foreign/own", "everybody"]
  private static let files = [
    "own/file", "own/two", "foreign/file", "foreign/file-of-root", "foreign/own/file", "everybody/file",
  ]
  // Their names, where they lead, and whose they are.
  private static let links: [(name: String, target: String, owner: uid_t)] = [
    ("own/link", "../own/file", 0), ("own/chain", "link", 0), ("own/away", "../foreign/file", 0),
    ("own/loop", "loop", 0),
    ("foreign/link", "../own/file", other), ("foreign/folder", "../own", other), ("foreign/inner", "file", other),
  ]
  let path: String

  init() throws {
    var template = Array("/tmp/oncilla-trusted-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError(call: "mkdtemp", number: errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    for name in Tree.directories { #expect(mkdir("\(path)/\(name)", 0o755) == 0) }
    #expect(chmod("\(path)/everybody", 0o1777) == 0)
    for name in Tree.files { _ = try SystemCall.open("\(path)/\(name)", O_WRONLY | O_CREAT, mode: 0o600) }
    for name in ["foreign", "foreign/file"] { #expect(chown("\(path)/\(name)", Tree.other, Tree.other) == 0) }
    for name in ["foreign/two", "everybody/two"] { #expect(link("\(path)/own/two", "\(path)/\(name)") == 0) }
    for (name, target, owner) in Tree.links {
      #expect(symlink(target, "\(path)/\(name)") == 0)
      #expect(lchown("\(path)/\(name)", owner, owner) == 0)
    }
  }

  deinit {
    for name in Tree.files + Tree.links.map(\.name) + ["foreign/two", "everybody/two", "foreign/log"] {
      unlink("\(path)/\(name)")
    }
    for name in Tree.directories.reversed() { rmdir("\(path)/\(name)") }
    rmdir(path)
  }
}

@Suite("Paths on which others have a say")
struct TrustedPathTests {
  private let tree: Tree

  init() throws { tree = try Tree() }

  private func open(_ name: String, _ flags: Int32 = O_RDONLY, serving user: uid_t? = nil) -> Int32 {
    do throws(SystemError) {
      _ = try TrustedPath.open("\(tree.path)/\(name)", flags, serving: user)
      return 0
    } catch {
      return error.number
    }
  }

  @Test("what is root's is opened, links included, and what is somebody's in his own directory")
  func opened() throws {
    for name in [
      "own/file", "own/./file", "own/../own/file", "own/link", "own/chain", "own/away", "foreign/file",
      "everybody/file",
    ] {
      #expect(open(name) == 0, "\(name)")
    }
    #expect(open("foreign/file-of-root") == 0, "nobody else can have given that away")
    #expect(open("own", O_RDONLY | O_DIRECTORY) == 0)
    #expect(open("own/", O_RDONLY | O_DIRECTORY) == 0)
    #expect(open("foreign", O_RDONLY | O_DIRECTORY) == 0)
  }

  @Test("no link of another user's is followed, and no second name and no directory of root's is believed")
  func refused() throws {
    for name in [
      "foreign/link", "foreign/folder/file", "foreign/inner", "foreign/two", "foreign/own/file", "everybody/two",
    ] {
      #expect(open(name) == EACCES, "\(name)")
    }
    #expect(open("own/link", O_RDONLY | O_NOFOLLOW) == ELOOP)
    #expect(open("own/loop") == ELOOP)
    #expect(open("own/none") == ENOENT)
    #expect(open("none/file") == ENOENT)
    #expect(open("own/file/x") == ENOTDIR)
  }

  @Test("a file is made in a directory of somebody else's, but not along his link")
  func made() throws {
    let flags = O_WRONLY | O_CREAT | O_APPEND
    #expect(open("foreign/log", flags) == 0 && open("foreign/log", flags) == 0)
    #expect(open("foreign/link", flags) == EACCES)
  }

  @Test("whose process is served has directories everywhere, and nothing of root's behind them")
  func served() throws {
    for name in ["foreign/served", "foreign/served/own"] { #expect(mkdir("\(tree.path)/\(name)", 0o755) == 0) }
    #expect(chown("\(tree.path)/foreign/served", 4_711, 4_711) == 0)
    #expect(open("foreign/served", O_RDONLY | O_DIRECTORY) == EACCES)
    #expect(open("foreign/served", O_RDONLY | O_DIRECTORY, serving: 4_711) == 0)
    #expect(open("foreign/served/own", O_RDONLY | O_DIRECTORY, serving: 4_711) == EACCES)
    rmdir("\(tree.path)/foreign/served/own")
    rmdir("\(tree.path)/foreign/served")
  }
}
