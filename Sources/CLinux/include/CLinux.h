#ifndef ONCILLA_CLINUX_H
#define ONCILLA_CLINUX_H

#include <stdint.h>

#endif
