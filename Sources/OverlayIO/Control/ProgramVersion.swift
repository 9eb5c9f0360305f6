/// The version of the program, as commands, replies and the manual tell it.
public enum ProgramVersion {
  /// The version, by the rules of semver.org.
  public static let current = "0.1.0"
}
