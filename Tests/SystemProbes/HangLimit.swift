import Testing

extension Trait where Self == TimeLimitTrait {
  /// Of tests that wait for something: one that hangs is named in the log before the whole run is given up.
  ///
  /// A test's time begins when it is queued behind a thousand others, so that this is beyond what all of them take on a
  /// busy machine with one processor, and says nothing of how fast anything is.
  package static var hangLimit: Self { .timeLimit(.minutes(20)) }
}
