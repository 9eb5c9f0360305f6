import Glibc
import Testing

@testable import OverlayCore

@Suite("Learned names")
struct LearnedNamesTests {
  private static let start = Instant(nanoseconds: 1_000_000_000_000)

  /// A name like one of version 3, another for each number.
  static func numbered(_ number: Int) -> OnionName {
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    return OnionName(unverified: [UInt8](repeating: 7, count: 25) + [1, 2] + bytes)
  }

  /// What the table is compared with: the same by plain means.
  private struct Model {
    var orders: [LearnedNames.Order: [OnionName]] = [:]

    func order(of name: OnionName) -> LearnedNames.Order? { orders.first { $0.value.contains(name) }?.key }

    mutating func remove(_ name: OnionName) { for order in orders.keys { orders[order]?.removeAll { $0 == name } } }

    mutating func append(_ name: OnionName, to order: LearnedNames.Order) { orders[order, default: []].append(name) }
  }

  @Test("whatever is added, moved and removed, each name is found, and each order is as it was made", arguments: 1...4)
  func likeAModel(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var (table, model) = (LearnedNames(), Model())
    for step in 0..<4_000 {
      // Fewer and more names in turns, so that the table grows, and records are used again.
      let name = Self.numbered(Int.random(in: 0..<(step / 500 % 2 == 0 ? 300 : 40), using: &random))
      let order = LearnedNames.Order.allCases.randomElement(using: &random) ?? .unreached
      if let place = table.find(name.address) {
        #expect(table[place].name == name && table[place].order == model.order(of: name))
        model.remove(name)
        if Int.random(in: 0..<3, using: &random) == 0 {
          #expect(table.remove(name.address)?.name == name)
        } else {
          table.move(place, toEndOf: order)
          model.append(name, to: order)
        }
      } else {
        #expect(model.order(of: name) == nil && table.remove(name.address) == nil)
        table.insert(.init(name, from: .lookup, validUntil: Self.start.sinceStart, order: order))
        model.append(name, to: order)
      }
      for order in LearnedNames.Order.allCases {
        let names = model.orders[order] ?? []
        #expect(table.count(of: order) == names.count && table.first(of: order).map { table[$0].name } == names.first)
      }
    }
    var all: [OnionName] = []
    table.forEach { all.append($0.name) }
    #expect(all == LearnedNames.Order.allCases.flatMap { model.orders[$0] ?? [] })
    for name in all { table.remove(name.address) }
    #expect(table.count == 0 && LearnedNames.Order.allCases.allSatisfy { table.first(of: $0) == nil })
  }

  @Test("a name takes at most 160 bytes, of 100,000 that were learned, reached and confirmed")
  func memory() async {
    let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      let count = 100_000
      var table = NameTable(unreachedLimit: count / 5, reachedLimit: count - count / 5)
      // What a first name has the process load is no name's.
      _ = table.learn(LearnedNamesTests.numbered(-1), from: .lookup, at: LearnedNamesTests.start)
      let before = LearnedNamesTests.residentBytes
      for number in 0..<count + 5_000 {
        let name = LearnedNamesTests.numbered(number)
        _ = table.learn(name, from: .keepalive, at: LearnedNamesTests.start)
        table.retain(name)
        if number < count * 4 / 5 { table.reached(name, at: LearnedNamesTests.start) }
        table.release(name)
        _ = table.learn(name, from: .lookup, at: LearnedNamesTests.start)
      }
      let each = Double(LearnedNamesTests.residentBytes - before) / Double(count)
      print("a learned name takes \(each) bytes")
      guard table.count == count, (40.0...160).contains(each) else { exit(EXIT_FAILURE) }
    }
    for line in String(decoding: result?.standardOutputContent ?? [], as: UTF8.self).split(separator: "\n")
    where line.contains(" bytes") { print(line) }
  }

  /// The memory that the process has now.
  fileprivate static var residentBytes: Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var (text, count) = ([CChar](repeating: 0, count: 200), 0)
    count = fread(&text, 1, text.count, file)
    let fields = text.prefix(count).split(separator: CChar(bitPattern: UInt8(ascii: " ")))
    let pages = fields.count > 1 ? fields[1].reduce(0) { $0 * 10 + Int($1) - 48 } : 0
    return pages * sysconf(Int32(_SC_PAGESIZE))
  }
}
