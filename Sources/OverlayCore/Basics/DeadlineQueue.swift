/// A deadline queue holds one deadline for each of several subjects, which are known by small numbers, and finds the
/// earliest. It is a binary heap that knows the place of each subject, so it holds no more deadlines than there are
/// subjects.
struct DeadlineQueue {
  private static let nowhere: Int32 = -1

  private var heap: [(time: Instant, subject: Int)] = []
  // By subject: its place in the heap.
  private var places: [Int32] = []

  /// The earliest deadline; the distant future if there is none.
  var earliest: Instant { heap.first?.time ?? .distantFuture }

  /// The number of subjects that have a deadline.
  var count: Int { heap.count }

  /// Sets the deadline of `subject` to `time`, unless it has an earlier one.
  mutating func schedule(_ subject: Int, at time: Instant) {
    while places.count <= subject { places.append(DeadlineQueue.nowhere) }
    var place = Int(places[subject])
    if place < 0 {
      place = heap.count
      heap.append((time, subject))
      places[subject] = Int32(place)
    } else {
      guard time < heap[place].time else { return }
      heap[place].time = time
    }
    rise(place)
  }

  /// Removes the deadline of a subject, if it has one.
  mutating func cancel(_ subject: Int) {
    guard subject < places.count, places[subject] >= 0 else { return }
    remove(Int(places[subject]))
  }

  /// Removes the subject with the earliest deadline and returns it; `nil` if that deadline has not come yet.
  mutating func popDue(at now: Instant) -> Int? {
    guard let first = heap.first, first.time <= now else { return nil }
    remove(0)
    return first.subject
  }

  private mutating func remove(_ place: Int) {
    places[heap[place].subject] = DeadlineQueue.nowhere
    let last = heap.removeLast()
    guard place < heap.count else { return }
    heap[place] = last
    places[last.subject] = Int32(place)
    rise(place)
    sink(place)
  }

  private mutating func rise(_ place: Int) {
    var child = place
    while child > 0, heap[child].time < heap[(child - 1) / 2].time {
      exchange(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func sink(_ place: Int) {
    var parent = place
    while true {
      var earliest = parent
      for child in (2 * parent + 1)...(2 * parent + 2)
      where child < heap.count && heap[child].time < heap[earliest].time { earliest = child }
      guard earliest != parent else { return }
      exchange(parent, earliest)
      parent = earliest
    }
  }

  private mutating func exchange(_ first: Int, _ second: Int) {
    heap.swapAt(first, second)
    places[heap[first].subject] = Int32(first)
    places[heap[second].subject] = Int32(second)
  }
}
