#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include <linux/if.h>
#include <linux/ipv6.h>
#include <sys/ioctl.h>

_Static_assert(IFNAMSIZ == 16, "a name has 15 bytes and a zero");
_Static_assert(sizeof(((struct ifreq *)0)->ifr_flags) == sizeof(uint16_t), "TUNSETIFF takes 16 bits of flags");

int oncilla_tunnel_attach(int descriptor, const char *name, uint16_t flags) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  size_t length = strlen(name);
  if (length >= sizeof request.ifr_name) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(request.ifr_name, name, length);
  request.ifr_flags = (short)flags;
  return ioctl(descriptor, TUNSETIFF, &request);
}

int oncilla_tunnel_set_offload(int descriptor, uint32_t offloads) {
  return ioctl(descriptor, TUNSETOFFLOAD, (unsigned long)offloads);
}

int oncilla_enter_network_namespace(int descriptor) { return setns(descriptor, CLONE_NEWNET); }

uint32_t oncilla_devconf_disable_ipv6(void) { return DEVCONF_DISABLE_IPV6; }
