import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("Where clients look for a daemon")
struct DaemonPlacesTests {
  private static let usual = ("/run/oncilla/control.sock", "/var/lib/oncilla")

  @Test(
    "the files of the configuration say, whatever else is wrong in them",
    arguments: [
      ("", "", usual.0, usual.1),
      ("control = /run/x.sock\nstate-dir = /srv/x\n", "", "/run/x.sock", "/srv/x"),
      ("control = /run/x.sock\n", "control = /run/y.sock\n", "/run/y.sock", usual.1),
      ("control = none\n", "", nil, usual.1),
      ("control = none\n", "control = /run/y.sock\n", "/run/y.sock", usual.1),
      ("controll = /a\ncontrol = /run/x.sock\nmtu = wrong\n[\n", "", "/run/x.sock", usual.1),
      ("[peer home]\ncontrol = /run/x.sock\n", "", usual.0, usual.1),
      ("control =\nstate-dir =\n", "", usual.0, usual.1),
    ] as [(String, String, String?, String)])
  func places(_ main: String, _ more: String, _ control: String?, _ state: String) throws {
    let directory = try TemporaryDirectory()
    try SystemCall.makeDirectory("\(directory.path)/conf.d", mode: 0o755)
    try OpenDirectory(directory.path).replace("oncilla.conf", with: main)
    try OpenDirectory("\(directory.path)/conf.d").replace("20-more.conf", with: more)
    let places = DaemonPlaces(ConfigurationSource(.standard, directory: directory.path))
    #expect(places.control == control)
    #expect(places.stateDirectory == state)
  }

  @Test("without files they are those of the instance, and one file alone may say")
  func others() throws {
    let instance = try Instance("office")
    let places = DaemonPlaces(ConfigurationSource(instance, directory: "/nowhere"))
    #expect(places.control == "/run/oncilla/office/control.sock")
    #expect(places.stateDirectory == "/var/lib/oncilla/office")
    let directory = try TemporaryDirectory()
    try OpenDirectory(directory.path).replace("one.conf", with: "control = /run/one.sock\n")
    let file = ConfigurationSource(instance, file: "\(directory.path)/one.conf")
    #expect(DaemonPlaces(file).control == "/run/one.sock")
  }
}
