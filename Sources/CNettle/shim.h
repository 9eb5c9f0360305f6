#include <nettle/sha3.h>
#include <nettle/hmac.h>
#include <nettle/base64.h>
#include <nettle/curve25519.h>
#include <nettle/eddsa.h>
#include <nettle/sha2.h>
#include <string.h>

// Overwrites what held a secret. Swift's compiler may leave out a write that nobody reads; it cannot leave out this one.
static inline void oncilla_wipe(void *bytes, size_t count) { explicit_bzero(bytes, count); }
