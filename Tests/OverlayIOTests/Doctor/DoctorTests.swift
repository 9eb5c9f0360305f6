import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

/// Each check on a set-up that is broken on purpose.
@Suite("The doctor")
struct DoctorTests {
  static let name = ExaminedHost.name

  @Test("a line has the subject, what was found and what helps; control characters are escaped")
  func lines() {
    let check = Check(subject: .socksPort, finding: .wrong("there is\nnone", remedy: "make one"))
    #expect(check.line == "SOCKS port: there is\\nnone; make one" && check.word == "wrong" && check.isWrong)
    #expect(
      check.json.text
        == #"{"check":"socks_port","finding":"wrong","text":"there is\nnone","remedy":"make one"}"#)
    #expect(Check(subject: .loop, finding: .skipped("x")).json["finding"] == "skipped")
  }

  @Test("a device that is missing is told, with what a container needs where there is one")
  func device() throws {
    #expect(try ExaminedHost().line(.tunDevice).hasSuffix("is missing; 'modprobe tun' loads the kernel's module"))
    let contained = try ExaminedHost("onion = \(Self.name)", ["/.dockerenv": ""])
    #expect(contained.line(.tunDevice).contains("--device /dev/net/tun --cap-add NET_ADMIN"))
    // A file is no device; here it only has to open.
    let host = try ExaminedHost("onion = \(Self.name)", ["/dev/net/tun": ""])
    #expect(host.line(.tunDevice).hasPrefix("ok "))
  }

  @Test("of IPv6 the interface's own switch alone is ever advised")
  func kernel() throws {
    #expect(try ExaminedHost().line(.kernelIPv6).hasPrefix("wrong kernel IPv6: the kernel has no IPv6; "))
    let off = try ExaminedHost(
      "onion = \(Self.name)", ["/proc/sys/net/ipv6/conf/oncilla0/disable_ipv6": "1\n"])
    #expect(off.line(.kernelIPv6).contains("net.ipv6.conf.oncilla0.disable_ipv6=0"))
    let elsewhere = try ExaminedHost(
      "onion = \(Self.name)", ["/proc/sys/net/ipv6/conf/default/disable_ipv6": "1\n"])
    #expect(elsewhere.line(.kernelIPv6).hasPrefix("ok kernel IPv6: IPv6 is switched off on new interfaces"))
    for host in [off, elsewhere] { #expect(!host.line(.kernelIPv6).contains("conf.all")) }
  }

  @Test("a wrong configuration is told as check-config tells it, and what needs it is not looked at")
  func configuration() throws {
    let host = try ExaminedHost("onion = \(Self.name)\nmtu = 12")
    #expect(host.line(.configuration).contains("oncilla.conf:2: mtu '12'"))
    for subject: Check.Subject in [.stateDirectory, .socksPort, .onionService, .leakGuard] {
      #expect(host.line(subject) == "skip \(subject.rawValue): the configuration is wrong")
    }
    // Where its socket is stands elsewhere in it.
    #expect(host.line(.daemon).hasPrefix("note daemon: it does not run: "))
    #expect(try ExaminedHost().line(.configuration) == "ok configuration: 1 file is valid")
  }

  @Test("without a name the rest is looked at all the same")
  func nameless() throws {
    let host = try ExaminedHost("state-dir = ROOT/state", ["/state/": ""])
    #expect(host.line(.configuration).hasPrefix("wrong configuration: nothing tells who this host is"))
    #expect(host.line(.hostnameFile) == "skip hostname file: nothing tells who this host is")
    #expect(host.line(.stateDirectory).hasPrefix("ok "))
  }

  @Test("a configuration that everybody can write is a note")
  func writable() throws {
    let host = try ExaminedHost()
    try setMode(0o666, of: host.directory.file("oncilla.conf"))
    #expect(host.line(.configuration).hasPrefix("note configuration: 1 file is valid, and "))
  }

  @Test("a state directory is there or can be made, and belongs to the daemon alone")
  func state() throws {
    let host = try ExaminedHost("onion = \(Self.name)\nstate-dir = ROOT/state")
    #expect(host.line(.stateDirectory).hasSuffix("is made when there is something to keep"))
    try host.put("/state/")
    #expect(host.line(.stateDirectory).hasPrefix("ok "))
    try setMode(0o755, of: host.directory.file("state"))
    #expect(host.line(.stateDirectory).hasPrefix("note "))
    try setMode(0o777, of: host.directory.file("state"))
    #expect(host.line(.stateDirectory).hasSuffix("'chmod 700 \(host.directory.file("state"))' ends that"))
    #expect(
      try ExaminedHost("onion = \(Self.name)\nstate-dir = ROOT/a/b").line(.stateDirectory).hasPrefix("wrong "))
    #expect(
      try ExaminedHost("onion = \(Self.name)\nstate-dir = ROOT/oncilla.conf").line(.stateDirectory)
        .contains("is no directory"))
  }

  @Test("the daemon tells at its start why nothing can be kept")
  func obstacle() throws {
    let directory = try TemporaryDirectory()
    #expect(StateDirectory.obstacle(at: directory.path) == nil)
    #expect(StateDirectory.obstacle(at: directory.file("new")) == nil)
    #expect(StateDirectory.obstacle(at: directory.file("a/b"))?.number == ENOENT)
    try directory.write("file", "")
    #expect(StateDirectory.obstacle(at: directory.file("file/b"))?.number == ENOTDIR)
  }

  @Test("an identity that was never backed up is a note, wherever its key is")
  func backup() throws {
    #expect(try ExaminedHost().line(.identityBackup).hasPrefix("note identity backup: whether there is a copy"))
    let host = try ExaminedHost("hostname-file = ROOT/service/hostname")
    #expect(host.line(.identityBackup).contains("\(host.directory.path)/service is not known"))
    let ours = "tor-control = unix:ROOT/tor\npublish = tor\nstate-dir = ROOT/state"
    #expect(try ExaminedHost(ours).line(.identityBackup).hasPrefix("skip "))
    #expect(try ExaminedHost(ours + "\nephemeral = yes").line(.identityBackup).hasPrefix("ok "))
  }

  @Test("a hostname file is told with what lets the daemon read it")
  func hostname() throws {
    let configuration = "hostname-file = ROOT/service/hostname"
    #expect(try ExaminedHost(configuration).line(.hostnameFile).contains("does not exist; Tor writes it"))
    let host = try ExaminedHost(configuration, ["/service/hostname": Self.name])
    #expect(host.line(.hostnameFile).hasPrefix("ok "))
    try host.put("/service/hostname", "nonsense")
    #expect(host.line(.hostnameFile).hasPrefix("wrong "))
    if SystemCall.user != 0 {
      try setMode(0, of: host.directory.file("service/hostname"))
      #expect(host.line(.hostnameFile).contains("LoadCredential=hostname:"))
    }
    #expect(try ExaminedHost().line(.hostnameFile).hasPrefix("ok "))
  }

  @Test("a name that systemd hands to the service is looked for where it comes from")
  func credential() throws {
    let configuration = "hostname-file = /run/credentials/oncilla.service/hostname"
    let drop = "/etc/systemd/system/oncilla.service.d/10.conf"
    let unit = ["/usr/lib/systemd/system/oncilla.service": "[Service]\nType=notify\n"]
    #expect(try ExaminedHost(configuration, unit).line(.hostnameFile).contains("is given no file hostname; "))
    let host = try ExaminedHost(
      configuration, unit.merging([drop: "[Service]\nLoadCredential=hostname:/service/hostname\n"]) { $1 })
    #expect(host.line(.hostnameFile).contains("/service/hostname does not exist"))
    try host.put("/service/hostname", Self.name)
    #expect(host.line(.hostnameFile) == "ok hostname file: systemd hands /service/hostname to oncilla.service")
    try host.put("/etc/tor/torrc", "HiddenServiceDir /service\nHiddenServicePort 8060 127.0.0.1:8060")
    #expect(host.line(.onionService).hasPrefix("ok "))
  }

  @Test(
    "the clock has a year that can be, and somebody who keeps it right",
    arguments: [(0, true, "wrong"), (4_200_000_000, true, "wrong"), (1_800_000_000, false, "note")])
  func clock(seconds: Int, isSynchronized: Bool, word: String) throws {
    let examination = try ExaminedHost().examination
    let finding = examination.clock(at: seconds, isSynchronized: isSynchronized)
    #expect(Check(subject: .clock, finding: finding).word == word)
  }

  @Test("a clock that timesyncd has set is right")
  func timesyncd() throws {
    let host = try ExaminedHost("onion = \(Self.name)", ["/run/systemd/timesync/synchronized": ""])
    #expect(host.examination.clock(at: 1_800_000_000, isSynchronized: false) == .ok("it is kept right"))
    #expect(host.examination.clock(at: 1_800_000_000, isSynchronized: true) == .ok("it is kept right"))
  }

  @Test("DNS servers in the overlay are a note")
  func dns() throws {
    let host = try ExaminedHost("onion = \(Self.name)", ["/etc/resolv.conf": "nameserver 192.0.2.1\n"])
    #expect(host.line(.dns).hasPrefix("ok "))
    try host.put("/etc/resolv.conf", "# x\nnameserver 192.0.2.1\nnameserver fd87:d87e:eb43::1\n")
    #expect(host.line(.dns).hasPrefix("note DNS: /etc/resolv.conf asks fd87:d87e:eb43::1, a peer"))
  }

  @Test("a program that sets up interfaces and was not told to leave ours alone is a note")
  func managers() throws {
    #expect(try ExaminedHost().line(.networkManagers) == "ok network managers: none runs")
    let host = try ExaminedHost("onion = \(Self.name)", ["/run/systemd/netif/state": "", "/run/NetworkManager/": ""])
    #expect(host.line(.networkManagers).hasPrefix("note network managers: systemd-networkd runs"))
    try host.put("/usr/lib/systemd/network/10-oncilla.network", "")
    #expect(host.line(.networkManagers).hasPrefix("note network managers: NetworkManager runs"))
    try host.put("/usr/lib/NetworkManager/conf.d/oncilla.conf", "")
    #expect(host.line(.networkManagers).hasPrefix("ok network managers: systemd-networkd and NetworkManager leave"))
  }

  @Test("a kernel without cubic is a note")
  func congestion() throws {
    let path = "/proc/sys/net/ipv4/tcp_available_congestion_control"
    let host = try ExaminedHost("onion = \(Self.name)", [path: "reno bbr\n"])
    #expect(
      host.line(.congestionControl).hasPrefix("note congestion control: the kernel has no cubic (it has reno bbr)"))
    try host.put(path, "reno cubic\n")
    #expect(host.line(.congestionControl).hasPrefix("ok "))
  }

  @Test("a daemon that does not run is a note with what starts it, and what it would tell is not looked at")
  func daemon() throws {
    let host = try ExaminedHost()
    #expect(host.line(.daemon).hasPrefix("note daemon: it does not run"))
    #expect(host.line(.daemon).hasSuffix("; 'oncilla run' starts it"))
    try host.put("/etc/systemd/system/oncilla.service", "[Service]\n")
    #expect(host.line(.daemon).hasSuffix("; 'systemctl start oncilla.service' starts it"))
    #expect(host.line(.loop) == "skip loop: the daemon is not asked")
    #expect(host.line(.published) == "skip published: the daemon is not asked")
  }
}
