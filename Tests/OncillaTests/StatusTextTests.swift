import OverlayIO
import Testing

@testable import oncilla

@Suite("The status for people")
struct StatusTextTests {
  private static func identity(_ address: JSONValue, _ name: JSONValue, label: JSONValue) -> JSONValue {
    ["address": address, "name": name, "label": label, "peers": [], "peers_omitted": 0]
  }

  @Test("of several identities each is told with what it is called")
  func labels() {
    let status: JSONObject = [
      "summary": "ready",
      "identities": [
        StatusTextTests.identity("fd87::1", "a.onion", label: .null),
        StatusTextTests.identity("fd87::2", "b.onion", label: "work"),
      ],
    ]
    #expect(StatusText(status).text(.plain) == "ready\n\nfd87::1 is a.onion\n\nwork: fd87::2 is b.onion\n")
  }

  @Test("a single one needs no line of its own")
  func single() {
    let status: JSONObject = [
      "summary": "ready", "identities": [StatusTextTests.identity("fd87::1", "a.onion", label: .null)],
    ]
    #expect(StatusText(status).text(.plain) == "ready\n")
  }
}
