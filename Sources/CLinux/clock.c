#include "CLinux.h"

#include <string.h>
#include <sys/timex.h>

bool oncilla_clock_is_synchronized(void) {
  struct timex state;
  memset(&state, 0, sizeof state);
  int result = adjtimex(&state);
  return result != -1 && result != TIME_ERROR && !(state.status & STA_UNSYNC);
}
