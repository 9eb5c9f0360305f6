import SystemProbes
import Testing

@testable import OverlayIO

@Suite("Files of one line that commands write and take away")
struct WrittenFileTests {
  private let directory: TemporaryDirectory
  private let file = WrittenFile("40-one.conf", mark: "# Ours.")

  init() throws { directory = try TemporaryDirectory() }

  @Test("One that is there is not written again, and is removed once")
  func once() throws {
    #expect(try !file.remove(from: directory.path))
    try file.write("mtu = 1400", to: directory.path)
    #expect(throws: SystemError.self) { try file.write("mtu = 1500", to: directory.path) }
    #expect(try file.remove(from: directory.path))
    #expect(try !file.exists(in: directory.path) && !file.remove(from: directory.path))
  }

  @Test(
    "What somebody added to it, or wrote in its place, is left alone (added lines were removed with it)",
    arguments: [
      "# Ours.\nmtu = 1400\nipv4 = yes\n", "# Ours.\nmtu = 1400\n# For the old router.\n",
      "# Ours.\nmtu = 1400 # For the old router.\n", "# Ours.\n", "mtu = 1400\n", "",
    ])
  func changed(_ text: String) throws {
    try file.write("mtu = 1400", to: directory.path)
    let folder = try OpenDirectory("\(directory.path)/conf.d")
    try folder.replace("40-one.conf", with: text, for: .everybody)
    #expect(try !file.remove(from: directory.path) && file.exists(in: directory.path))
    #expect(try folder.read("40-one.conf", limit: 100) == Array(text.utf8))
  }
}
