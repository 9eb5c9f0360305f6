/// A value of JSON (RFC 8259). Numbers are whole: the program writes no other, and reads none.
public enum JSONValue: Equatable, Sendable {
  /// Nothing.
  case null
  /// True or false.
  case boolean(Bool)
  /// A whole number.
  case integer(Int64)
  /// A text.
  case string(String)
  /// Values in order.
  case array([JSONValue])
  /// Values with names.
  case object(JSONObject)

  /// The number; `nil` if it is none.
  public var integer: Int64? { if case .integer(let number) = self { number } else { nil } }
  /// The text; `nil` if it is none.
  public var string: String? { if case .string(let text) = self { text } else { nil } }
  /// The truth value; `nil` if it is none.
  public var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }
  /// The values of an array; `nil` if it is none.
  public var array: [JSONValue]? { if case .array(let values) = self { values } else { nil } }
  /// The object; `nil` if it is none.
  public var object: JSONObject? { if case .object(let object) = self { object } else { nil } }

  /// The value of this name in an object; `nil` if there is none.
  public subscript(name: String) -> JSONValue? { object?[name] }

  /// A number that is never negative. One that is too large for JSON's readers becomes the largest that is not.
  public static func count(_ number: some BinaryInteger) -> JSONValue { .integer(Int64(clamping: number)) }

  /// What `description` says; null for nothing.
  public static func text(_ value: (some CustomStringConvertible)?) -> JSONValue {
    value.map { .string($0.description) } ?? .null
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// A text.
  public init(stringLiteral text: String) { self = .string(text) }
  /// A number.
  public init(integerLiteral number: Int64) { self = .integer(number) }
  /// True or false.
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
  /// Null.
  public init(nilLiteral: ()) { self = .null }
  /// An array.
  public init(arrayLiteral values: JSONValue...) { self = .array(values) }
  /// An object with these values in this order.
  public init(dictionaryLiteral members: (String, JSONValue)...) { self = .object(JSONObject(members)) }
}

/// Values with names, which keep the order in which they were added. Objects of the program have few members: a name is
/// looked for from the first on.
public struct JSONObject: Equatable, Sendable, ExpressibleByDictionaryLiteral {
  /// A value with its name.
  public struct Member: Equatable, Sendable {
    /// The name.
    public let name: String
    /// The value.
    public let value: JSONValue
  }

  /// All values in order.
  public private(set) var members: [Member] = []

  /// Makes an object of these values.
  init(_ members: [(String, JSONValue)]) {
    self.members = members.map { Member(name: $0.0, value: $0.1) }
  }

  /// Makes an object of these values. No two have the same name.
  public init(dictionaryLiteral members: (String, JSONValue)...) { self.init(members) }

  /// The value of this name. A new one is added at the end; `nil` removes it.
  public subscript(name: String) -> JSONValue? {
    get { members.first { $0.name == name }?.value }
    set {
      let index = members.firstIndex { $0.name == name }
      switch (index, newValue) {
      case (let index?, let value?): members[index] = Member(name: name, value: value)
      case (let index?, nil): members.remove(at: index)
      case (nil, let value?): members.append(Member(name: name, value: value))
      case (nil, nil): break
      }
    }
  }
}
