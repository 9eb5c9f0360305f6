/// Runs the daemon until it is told to stop or cannot go on; the process's exit status.
func runDaemon(_ options: RunOptions) -> Int32 {
  Console.complain("not wired")
  return 1
}
