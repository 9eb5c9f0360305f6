#include <nettle/sha3.h>
#include <nettle/hmac.h>
#include <nettle/base64.h>
#include <nettle/curve25519.h>
#include <nettle/eddsa.h>
#include <nettle/sha2.h>
