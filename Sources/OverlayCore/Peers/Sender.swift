/// The sender of an accepted circuit. The first packet or keepalive on the circuit decides for good who it claims to
/// be.
enum Sender: Equatable {
  /// Nothing has come that tells the sender.
  case unknown
  /// A host that says it has this overlay address, and this name if it has told one. Nothing of it is admitted yet.
  case claimed(IPv6Address, OnionName?)
  /// The host with this overlay address, and with this name if one is known. Packets from the address are admitted.
  case admitted(IPv6Address, OnionName?, Proof)
  /// This host: the circuit is the other end of one that it dialled to its own service.
  case selfCall
  /// A host with this name, whose address belongs to another name. No packet is admitted.
  case refused(OnionName)

  /// The only source address that packets may have; `nil` if none may come.
  var admittedAddress: IPv6Address? { if case .admitted(let address, _, _) = self { address } else { nil } }

  /// The address that the sender claims to have, whether or not that is believed; `nil` for none.
  var claimedAddress: IPv6Address? {
    switch self {
    case .claimed(let address, _), .admitted(let address, _, _): address
    case .unknown, .selfCall, .refused: nil
    }
  }

  /// The name that the sender has told; `nil` for none.
  var name: OnionName? {
    switch self {
    case .claimed(_, let name), .admitted(_, let name, _): name
    case .refused(let name): name
    case .unknown, .selfCall: nil
    }
  }

  /// Whether the circuit is of the host that it claims to be of.
  var isBelieved: Bool {
    switch self {
    case .admitted, .selfCall: true
    case .unknown, .claimed, .refused: false
    }
  }

  /// Why the sender is believed; `nil` if it is not.
  var proof: Proof? { if case .admitted(_, _, let proof) = self { proof } else { nil } }
}
