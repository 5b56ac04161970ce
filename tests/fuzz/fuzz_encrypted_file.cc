// What the phone's key decrypts is as long as the header says; only encrypted files are
// decrypted.
#include "anchord/trust/encrypted_file.h"
#include "anchord/wire/signed_file.h"
#include "fuzz.h"

using namespace anchord;
using fuzz::require;

namespace {

// The vectors' phone.
constexpr std::string_view kPhoneKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCeBae7TSwrFgAA\n"
    "8Vyn33RD+gPsG/QeEJGfW3BAvW/V7wZLKZiA1zdgnSDYoJO3NI3xThriTB29l04U\n"
    "uUZTXUS+cdsirZ7niFy+lTy6JWY99pJw9MST2Bky5aJtUSp24jd7sfopp1YkhmdC\n"
    "7ycor0IZ7aKk+oXBgRKeMQLwDVh5X9SYbz8haZ3rnECtEnChSJcpKNTFOie9pSQE\n"
    "0Cz7TRQu3PvnXwCDhGcsyH9GBTzfxGLPTOR6CZr/8zwrBNN6gnZd2VprKjrTlqrR\n"
    "StLehG23c13DHlUQidIWinsuK1Nw4EN20ulCmQVUEzsL2Pn39plBe6kadjYMp0oR\n"
    "Gdw+BDVTAgMBAAECggEANr6tz9laCmk6QhlcKLpkzKIClttOVNYXpRYoCv22D28a\n"
    "BpMYBtbIlBuLhBEJa8h0vlr5PFnzWbnf7pULVJk01ieaq+ZrbToUK2CHY9POGnxg\n"
    "Wmqp6bBNdpEQlv+uDvarExrjGGglE01O2+T/c3xYEaR+mtpB2XpuaUiAhIqTEqUB\n"
    "ZrUxpIckDv6ER+Y+G7CmBH5cDxaCZw2tSnRxw9EWR+ZmPh+cKTeEw6jpANsgn92G\n"
    "18vy58UVoxZRBxRehPVRlqoFQ6cjAgSvnkPOihERjNrQNy4VA7ap8WhW1KtRqjUF\n"
    "61Xi85HCU9x4y+5oG/KXaUd/KdsDfCCjQOH1LLp5jQKBgQDVYZbb+LZYUZSAt8UI\n"
    "EYvLwiCXB2T5jggRZpz279uqRjGx9X7h/9hk3kvZ6vfwYB0DsTLShR8q91fCQV9m\n"
    "XkrUB1j5r8iyrIUleVmzoBnMoKsB952i47WyE6xH/zl8+PuFLBJmEM/wpg1M1cGO\n"
    "JSeNPenXyWDaOk2VXNisD9sdpQKBgQC9lX6jPVkI4fdAP98NJ0TZ6YRXlzshu1G6\n"
    "MKEy/HRFWU6qkukyv/QJK9YANYJmDd+A1p5pY3bsWmYb457m/4YE/FTpkplu1ntQ\n"
    "wY72JZNpIt2cmYtNya1hoIKnMd/jrVM2LZ5rGvTNSfOW5vE24ce1U0UkAApMpjB3\n"
    "wsqwl7OFlwKBgFOMo6I770IDp28DBb4UCLXerB4Wwh3I1DXkBN/XqR4x3/F7W5Qo\n"
    "NlXAiNip3S0cpR+1+V1ezIZpVM52BGGz1/7PZbJWdvInBPdYXZwsuw1Zd7wMdYe7\n"
    "O4CfnVyPfbYGU42gZQ/b01+51QlZxTDgMW1nabGZYzfvjkNGmHw+tSAVAoGAJ7n8\n"
    "2G4Riyf2rLL1pYb2CYfCYKxjCrV68b4g+VMndiS5tEqmrSjGFWnnJRIRahs8G35d\n"
    "oY3jLLHgtbVj5dnjloXdsTg0CKLPImP89h13n09cCuWt6DX7q/p7hleQJ+B5EGBM\n"
    "0vrKE36MmbF5GFwFgjyZv2p2vgsRGvdpi8muJ68CgYEAn5fxXuh8fzrInEM2NGc4\n"
    "Iai5RWklW2bf+nsOhrxKluxksre6BvolHnx4nsC6A8LWchLJj2g7AmVeXRC368cP\n"
    "MY47g2GgrT4alRJZs5H2ms1WDeLRhpdCXB2RN/CInUPVj5350vinSBVmavk/5PA8\n"
    "esv8bX2lldwvz///ezo+mt0=\n"
    "-----END PRIVATE KEY-----\n";

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const crypto::PrivateKey key = crypto::PrivateKey::from_pem_or_der(as_bytes(kPhoneKey)).value();
  Bytes input(data, size);
  auto file = wire::parse_signed_file(input);
  auto plain = trust::decrypt_file(input, key);
  if (!file || !file->header.encryption) {
    require(!plain, "only an encrypted file is decrypted");
    return 0;
  }
  const wire::Encryption& encryption = *file->header.encryption;
  if (plain)
    require(plain->size() + encryption.pad_length == file->content.size(), "all but the padding is there");
  return 0;
}
