// wakeups PID COUNT: follows a process through as many turns of its loop, from one epoll_wait that found something to the
// next, instruction by instruction, and prints for each the addresses that it executed, in hexadecimal, in the order of
// their first use, and an empty line. The process then goes on as before.

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

static const uint16_t syscall_instruction = 0x050f;

static pid_t process;
static uint64_t seen[1 << 16];
static size_t seen_count;

static void fail(const char *what) {
  fprintf(stderr, "wakeups: %s: %s\n", what, strerror(errno));
  exit(1);
}

// Lets the process go on until it stops again; what other signals wanted is given to it.
static void resume(enum __ptrace_request how) {
  int status, signal = 0;
  for (;;) {
    if (ptrace(how, process, 0, signal)) fail("ptrace");
    if (waitpid(process, &status, 0) != process) fail("waitpid");
    if (!WIFSTOPPED(status)) {
      fprintf(stderr, "wakeups: the process has ended\n");
      exit(1);
    }
    signal = WSTOPSIG(status) & 0x7f;
    if (signal == SIGTRAP) return;
  }
}

static struct user_regs_struct registers(void) {
  struct user_regs_struct values;
  if (ptrace(PTRACE_GETREGS, process, 0, &values)) fail("ptrace");
  return values;
}

static void note(uint64_t address) {
  size_t slots = sizeof seen / sizeof *seen, slot = address * 0x9e3779b97f4a7c15 >> 48;
  while (seen[slot] && seen[slot] != address) slot = (slot + 1) % slots;
  if (seen[slot] || seen_count == slots / 2) return;
  seen[slot] = address;
  seen_count++;
  printf("%llx\n", (unsigned long long)address);
}

static bool waits(const struct user_regs_struct *values) {
  return values->orig_rax == SYS_epoll_wait || values->orig_rax == SYS_epoll_pwait;
}

int main(int count, char **arguments) {
  if (count != 3) return fprintf(stderr, "usage: wakeups PID COUNT\n"), 2;
  process = atoi(arguments[1]);
  if (ptrace(PTRACE_SEIZE, process, 0, PTRACE_O_TRACESYSGOOD) || ptrace(PTRACE_INTERRUPT, process, 0, 0)) fail("attach");
  if (waitpid(process, 0, 0) != process) fail("waitpid");
  // It stands in or before a system call: the first stop is that call's entry or its return, which its result tells.
  for (int turns = atoi(arguments[2]); turns > 0;) {
    resume(PTRACE_SYSCALL);
    struct user_regs_struct values = registers();
    if (!waits(&values) || (int64_t)values.rax <= 0) continue;
    for (;;) {
      resume(PTRACE_SINGLESTEP);
      values = registers();
      note(values.rip);
      uint16_t next = (uint16_t)ptrace(PTRACE_PEEKTEXT, process, values.rip, 0);
      if (next == syscall_instruction && (values.rax == SYS_epoll_wait || values.rax == SYS_epoll_pwait)) break;
    }
    turns--;
    puts("");
    memset(seen, 0, sizeof seen);
    seen_count = 0;
  }
  if (ptrace(PTRACE_DETACH, process, 0, 0)) fail("detach");
  return 0;
}
