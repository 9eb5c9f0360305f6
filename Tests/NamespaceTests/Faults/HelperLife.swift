import Glibc
import OverlayCore
import SystemProbes

@testable import OverlayIO

/// The whole life of a helper under a fault, as those see it who ask it: it opens what it needs, does everything that
/// is on its list for the daemon and for whoever speaks with Tor's control port, and ends with the daemon.
///
/// A daemon that is refused what it needs to start ends with that reason. From then on everything is asked for until it
/// is done: a helper that ends by itself takes the daemon with it.
final class HelperLife: FaultyLife {
  /// Whose calls fail.
  enum Side {
    case helper, asking
  }

  private let side: Side
  private let namespace: TestNamespace
  private let places: HelperPlaces

  /// Lives in `namespace`, which the calling thread is in.
  init(failing side: Side, in namespace: TestNamespace) throws {
    (self.side, self.namespace, places) = (side, namespace, try HelperPlaces())
  }

  func run(under injection: FaultInjection, descriptors fewest: Int) throws -> FaultOutcome {
    let source = try places.configure()
    let none = FaultInjection(failing: 0, with: 0)
    let (helpers, askers) = side == .helper ? (injection, none) : (none, injection)
    let run = try HelperRun(source, in: namespace.name, under: helpers)
    let scene = FaultScene(hasEnded: { run.hasEnded || run.isCut })
    let script = HelperScript(run, scene, places)
    var (lived, descriptors) = (false, 0)
    var hasBegun = false
    askers.run {
      hasBegun = script.begin()
      lived = hasBegun && script.goOn()
    }
    if hasBegun {
      if !lived, !injection.hasCutChannel {
        scene.complain("the helper ended by itself, or does not do what it is asked for")
      }
      descriptors = run.openCount
      scene.judge(descriptors: descriptors, atMost: fewest, lived: lived)
      let children = try run.childCount
      if lived, children > 0 { scene.complain("\(children) programs run of which nobody knows") }
      script.leaveHalves()
    }
    run.endPump()
    let ended = try scene.judgeEnd(of: run, lived: lived)
    if ended { for complaint in places.remains(exceptThoseOf: injection.failed) { scene.complain(complaint) } }
    return FaultOutcome(
      of: injection, lived: lived, ended: ended, complaints: scene.complaints, lines: script.answers.suffix(30),
      descriptors: descriptors)
  }
}
