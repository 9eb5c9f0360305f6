#include "CLinux.h"

// The linker's list of the packet path begins and ends with these two; in a debug build they are neighbours.
#define PLACED(name) __attribute__((noinline, section(".text." #name))) void name(void)

PLACED(oncilla_packet_path_end) { __asm__ volatile(""); }

PLACED(oncilla_fetch_packet_path) {
  uintptr_t line = 64, start = (uintptr_t)oncilla_fetch_packet_path & ~(line - 1);
  uintptr_t end = (uintptr_t)oncilla_packet_path_end;
  // A linker that has no list may have put them anywhere.
  if (end < start || end - start > 1 << 16) return;
  for (uintptr_t address = start; address < end; address += line) __builtin_prefetch((const void *)address, 0, 2);
}
