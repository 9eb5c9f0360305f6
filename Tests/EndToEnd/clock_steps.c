// A library for LD_PRELOAD that lets a program see another calendar: CLOCK_STEPS names a file with one 64-bit number,
// the seconds that are added to it, which others may change meanwhile, and a second, the seconds that the host has slept
// beside those that it has. The monotonic clock stays as it is.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t nothing[2];
static volatile int64_t *added = nothing;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("CLOCK_STEPS");
  int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  void *page = mmap(NULL, sizeof nothing, PROT_READ, MAP_SHARED, file, 0);
  if (page != MAP_FAILED) added = page;
  close(file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = (int)syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += added[0];
  if (result == 0 && clock == CLOCK_BOOTTIME) time->tv_sec += added[1];
  return result;
}
