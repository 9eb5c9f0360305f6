#ifndef ONCILLA_CLINUX_H
#define ONCILLA_CLINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <spawn.h>
#include <stdint.h>

#include <linux/fib_rules.h>
#include <linux/filter.h>
#include <linux/genetlink.h>
#include <linux/if_tun.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/tcp_metrics.h>
#include <linux/virtio_net.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

// Headers older than Linux 6.2 lack them.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

// Swift reads and writes these as bytes of netlink messages: they must hold no padding of the compiler's.
_Static_assert(sizeof(struct nlmsghdr) == 16, "nlmsghdr has 16 bytes");
_Static_assert(sizeof(struct nlmsgerr) == 20, "nlmsgerr has 20 bytes");
_Static_assert(sizeof(struct nlattr) == 4, "nlattr has 4 bytes");
_Static_assert(sizeof(struct ifinfomsg) == 16, "ifinfomsg has 16 bytes");
_Static_assert(sizeof(struct ifaddrmsg) == 8, "ifaddrmsg has 8 bytes");
_Static_assert(sizeof(struct rtmsg) == 12, "rtmsg has 12 bytes");
_Static_assert(sizeof(struct fib_rule_hdr) == 12, "fib_rule_hdr has 12 bytes");
_Static_assert(sizeof(struct genlmsghdr) == 4, "genlmsghdr has 4 bytes");
_Static_assert(sizeof(struct nfgenmsg) == 4, "nfgenmsg has 4 bytes");
_Static_assert(sizeof(struct sockaddr_nl) == 12, "sockaddr_nl has 12 bytes");

// OverlayCore, which knows no kernel, reads and writes this header by offset and number.
_Static_assert(sizeof(struct virtio_net_hdr) == 10, "virtio_net_hdr has 10 bytes");
_Static_assert(offsetof(struct virtio_net_hdr, gso_type) == 1, "the kind follows the flags");
_Static_assert(offsetof(struct virtio_net_hdr, hdr_len) == 2, "the header's length follows the kind");
_Static_assert(offsetof(struct virtio_net_hdr, gso_size) == 4, "the segment's size follows the header's length");
_Static_assert(offsetof(struct virtio_net_hdr, csum_start) == 6, "the checksum's start follows the segment's size");
_Static_assert(offsetof(struct virtio_net_hdr, csum_offset) == 8, "the checksum's offset is last");
_Static_assert(VIRTIO_NET_HDR_F_NEEDS_CSUM == 1, "the flag of a checksum that is to be made");
_Static_assert(VIRTIO_NET_HDR_GSO_TCPV6 == 4 && VIRTIO_NET_HDR_GSO_ECN == 0x80, "the kinds of segmentation");

// TUNSETIFF, because Swift imports neither the variadic ioctl nor the union inside ifreq. 0, or -1 with errno;
// a name of more than 15 bytes is ENAMETOOLONG.
int oncilla_tunnel_attach(int descriptor, const char *name, uint16_t flags);

// TUNSETOFFLOAD, because Swift does not import the variadic ioctl. 0, or -1 with errno: EINVAL where the kernel does
// not know one of the TUN_F bits.
int oncilla_tunnel_set_offload(int descriptor, uint32_t offloads);

// setns with CLONE_NEWNET for the calling thread, because <sched.h> hides both from Swift's Glibc. 0, or -1 with errno.
int oncilla_enter_network_namespace(int descriptor);

// DEVCONF_DISABLE_IPV6, because <linux/ipv6.h> and the <netinet/in.h> that Swift's Glibc holds exclude each other.
uint32_t oncilla_devconf_disable_ipv6(void);

// accept4(2), because it is a GNU extension, which Swift's Glibc hides. The new socket does not block; -1 with errno.
int oncilla_accept(int listener);

// SO_PEERCRED, because struct ucred is a GNU extension, which Swift's Glibc hides. 0, or -1 with errno.
int oncilla_peer_credentials(int socket, uint32_t *user, int32_t *process);

// adjtimex(2) without a change, because <sys/timex.h> is not part of Swift's Glibc: whether the clock is kept right.
bool oncilla_clock_is_synchronized(void);

// pipe2(2), because it is a GNU extension, which Swift's Glibc hides. No child process inherits the ends; -1 with errno.
int oncilla_pipe(int ends[2]);

// posix_spawn_file_actions_addclosefrom_np, because it is a GNU extension, which Swift's Glibc hides. 0, or -1 with errno.
int oncilla_close_from(posix_spawn_file_actions_t *actions, int first);

// pidfd_open(2), because Debian 12's <sys/pidfd.h> is not part of Swift's Glibc: a descriptor that is readable once the
// process has ended, which no child process inherits; -1 with errno.
int oncilla_process_descriptor(int32_t process);

// unshare with CLONE_NEWNS, because <sched.h> hides both from Swift's Glibc; what is mounted here from then on is not seen
// outside. 0, or -1 with errno.
int oncilla_separate_mounts(void);

// mount(2) of a file system without a device, which nothing is run from, because Swift imports its flags as an enumeration
// that cannot be combined. 0, or -1 with errno.
int oncilla_mount_virtual(const char *kind, const char *path);

// mount(2) of an overlay that shows these directories (`lowerdir=UPPERMOST:…`) and cannot be written to, for the same reason.
// 0, or -1 with errno.
int oncilla_mount_layers(const char *directories, const char *path);

// umount2 with MNT_DETACH, for the same reason. 0, or -1 with errno.
int oncilla_unmount(const char *path);

// malloc_trim, because <malloc.h> is not part of Swift's Glibc: gives freed memory back to the system.
void oncilla_trim_memory(void);

// socketpair(2) of SOCK_SEQPACKET, whose ends no other program inherits, because Swift's Glibc gives the flags types that
// do not combine. 0, or -1 with errno.
int oncilla_channel(int ends[2]);

// sendmsg(2) and recvmsg(2) of a message with at most two descriptors (SCM_RIGHTS), because Swift imports none of the
// CMSG macros. Bytes that were sent or received, 0 at the end of a channel, or -1 with errno: EMSGSIZE for a message that
// is larger, of which nothing is kept. No other program inherits the descriptors that are received. Where this process
// has no room for all of a message's, it gets none of them, and their number is -1.
ptrdiff_t oncilla_send_message(int socket, const void *bytes, size_t count, const int *descriptors, int number);
ptrdiff_t oncilla_receive_message(int socket, void *buffer, size_t size, int descriptors[2], int *number);

// O_PATH, because it is a GNU extension, which Swift's Glibc hides.
int oncilla_place_flag(void);

// capget(2), capset(2) and the operations of prctl(2) on capabilities and rights, because the C library has none of the
// first two, and Swift does not import the variadic prctl. 0, or -1 with errno.
int oncilla_capabilities(uint64_t *permitted);
int oncilla_set_capabilities(uint64_t capabilities, bool is_inherited);
void oncilla_drop_bounding_capabilities(void);
int oncilla_clear_ambient_capabilities(void);
int oncilla_refuse_new_privileges(void);
int oncilla_end_with_parent(void);
int oncilla_refuse_dumps(void);
void oncilla_set_process_name(const char *name);

// landlock_create_ruleset(2), landlock_add_rule(2) and landlock_restrict_self(2), because the C library has none of them:
// the version that the kernel has; a set of rules that denies these accesses to files (LANDLOCK_ACCESS_FS_…) and ports of
// TCP (LANDLOCK_ACCESS_NET_…), whose descriptor is returned; the exception for a port; and the calling thread put under
// it, with those that it begins. 0 or more, or -1 with errno.
int oncilla_landlock_version(void);
int oncilla_landlock_create(uint64_t files, uint64_t ports);
int oncilla_landlock_allow_port(int ruleset, uint16_t port, uint64_t access);
int oncilla_landlock_restrict(int ruleset);

// AUDIT_ARCH_… of this machine, because the macro is an expression that Swift does not import; 0 where the numbers of its
// calls were never looked at.
extern const uint32_t oncilla_audit_architecture;

// The number of the system call of this name on this machine, because Swift imports few of the macros; -1 where it has
// none.
int oncilla_call_number(const char *name);

// CLONE_THREAD, because it is a GNU extension, which Swift's Glibc hides.
uint32_t oncilla_clone_thread_flag(void);

// PR_SET_SECCOMP for the calling thread, because Swift does not import the variadic prctl. 0, or -1 with errno: EINVAL
// where the kernel has no filters.
int oncilla_install_filter(const struct sock_filter *instructions, uint16_t count);

#endif
