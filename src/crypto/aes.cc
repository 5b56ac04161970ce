#include "anchord/crypto/aes.h"

#include <openssl/aes.h>
#include <openssl/mem.h>

#include <cassert>

namespace anchord::crypto {

void aes_cbc_encrypt(const AesKey& key, const AesIv& iv, MutableBytes blocks) {
  assert(blocks.size() % kAesBlock == 0);
  AES_KEY schedule;
  AesIv chain = iv;
  AES_set_encrypt_key(key.data(), key.size() * 8, &schedule);
  AES_cbc_encrypt(blocks.data(), blocks.data(), blocks.size(), &schedule, chain.data(), AES_ENCRYPT);
  OPENSSL_cleanse(&schedule, sizeof schedule);
}

void aes_cbc_decrypt(const AesKey& key, const AesIv& iv, MutableBytes blocks) {
  assert(blocks.size() % kAesBlock == 0);
  AES_KEY schedule;
  AesIv chain = iv;
  AES_set_decrypt_key(key.data(), key.size() * 8, &schedule);
  AES_cbc_encrypt(blocks.data(), blocks.data(), blocks.size(), &schedule, chain.data(), AES_DECRYPT);
  OPENSSL_cleanse(&schedule, sizeof schedule);
}

}  // namespace anchord::crypto
