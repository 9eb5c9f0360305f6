// event2/event-config.h defines _GNU_SOURCE: without <features.h> before it, this module and Glibc would
// disagree about what the system headers declare.
#include <features.h>
#include <event2/event.h>
