import OverlayCore

@testable import OverlayIO

/// Where a log goes whose lines a test does not look at.
package final class NoLines: LogSink {
  package init() {}

  package func write(_ level: LogLevel, _ line: String) -> Bool { true }
}
