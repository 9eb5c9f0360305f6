#define _GNU_SOURCE
#include "CLinux.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

// Debian 12's headers know the first versions of it alone, and every architecture has the same numbers.
enum {
  create_ruleset = 444,
  add_rule = 445,
  restrict_self = 446,
  only_version = 1,
  rule_port = 2,
};

// struct landlock_ruleset_attr and struct landlock_net_port_attr.
struct ruleset {
  uint64_t files;
  uint64_t ports;
};

struct port_rule {
  uint64_t access;
  uint64_t port;
};

int oncilla_landlock_version(void) { return (int)syscall(create_ruleset, NULL, 0, only_version); }

int oncilla_landlock_create(uint64_t files, uint64_t ports) {
  struct ruleset rules = {files, ports};
  // A kernel that knows no ports takes the first field alone.
  return (int)syscall(create_ruleset, &rules, ports == 0 ? sizeof rules.files : sizeof rules, 0);
}

int oncilla_landlock_allow_port(int ruleset, uint16_t port, uint64_t access) {
  struct port_rule rule = {access, port};
  return (int)syscall(add_rule, ruleset, rule_port, &rule, 0);
}

int oncilla_landlock_restrict(int ruleset) { return (int)syscall(restrict_self, ruleset, 0); }
