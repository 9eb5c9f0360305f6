/// What is known of whoever is at the other end of a circuit: who is worth less makes room first.
enum Standing: Int, CaseIterable {
  /// It has brought no packet that was let in.
  case unproven
  /// It has brought one, from whoever it claims or was dialled to be.
  case stranger
  /// It claims to be a peer that the operator configured, or was dialled to one. A claim is no proof, but who makes it must
  /// know the name.
  case known
}
