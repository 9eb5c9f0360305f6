#include "CLinux.h"

#include <malloc.h>

void oncilla_trim_memory(void) { malloc_trim(0); }
