#ifndef ONCILLA_CLINUX_H
#define ONCILLA_CLINUX_H

#include <stdint.h>

#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

// Swift reads and writes these as bytes of netlink messages: they must hold no padding of the compiler's.
_Static_assert(sizeof(struct nlmsghdr) == 16, "nlmsghdr has 16 bytes");
_Static_assert(sizeof(struct nlmsgerr) == 20, "nlmsgerr has 20 bytes");
_Static_assert(sizeof(struct nlattr) == 4, "nlattr has 4 bytes");
_Static_assert(sizeof(struct ifinfomsg) == 16, "ifinfomsg has 16 bytes");
_Static_assert(sizeof(struct ifaddrmsg) == 8, "ifaddrmsg has 8 bytes");
_Static_assert(sizeof(struct rtmsg) == 12, "rtmsg has 12 bytes");
_Static_assert(sizeof(struct sockaddr_nl) == 12, "sockaddr_nl has 12 bytes");

// TUNSETIFF, because Swift imports neither the variadic ioctl nor the union inside ifreq. 0, or -1 with errno;
// a name of more than 15 bytes is ENAMETOOLONG.
int oncilla_tunnel_attach(int descriptor, const char *name, uint16_t flags);

// setns with CLONE_NEWNET for the calling thread, because <sched.h> hides both from Swift's Glibc. 0, or -1 with errno.
int oncilla_enter_network_namespace(int descriptor);

// DEVCONF_DISABLE_IPV6, because <linux/ipv6.h> and the <netinet/in.h> that Swift's Glibc holds exclude each other.
uint32_t oncilla_devconf_disable_ipv6(void);

// accept4(2), because it is a GNU extension, which Swift's Glibc hides. The new socket does not block; -1 with errno.
int oncilla_accept(int listener);

// malloc_trim, because <malloc.h> is not part of Swift's Glibc: gives freed memory back to the system.
void oncilla_trim_memory(void);

// Unmaps, until they are needed again, the program and library pages that only starting needed: dl_iterate_phdr is a GNU
// extension, which Swift's Glibc hides. Segments that are written to are left alone.
void oncilla_release_program_pages(void);

#endif
