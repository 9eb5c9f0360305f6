#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

int oncilla_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int oncilla_close_from(posix_spawn_file_actions_t *actions, int first) {
  errno = posix_spawn_file_actions_addclosefrom_np(actions, first);
  return errno == 0 ? 0 : -1;
}

int oncilla_process_descriptor(int32_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }
